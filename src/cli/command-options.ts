/**
 * The options of the commands that ask a running sidecar, one table each: --help and the reader are made from it. They
 * are read from the command line alone; in the environment, PILLION_MODEL is an option of serve.
 */
import { DEFAULT_PROFILE_SECONDS, MAX_PROFILE_SECONDS } from '../admin/profile/profile-endpoint.ts';
import { readCommandLine } from '../config/command-line.ts';
import { flag, integer, type Option, patternText, share, text } from '../config/options/option-types.ts';
import { flagLayer, type OptionTable, type OptionValues, readOptions } from '../config/read-options.ts';
import { UNIX } from './ask-admin.ts';

/** A warm-up file and a file of golden requests may hold this many records. */
const MAX_RECORDS = 1000;

/** Of every command that asks a sidecar. */
export const ADMIN = text({
  default: '127.0.0.1:8502',
  placeholder: 'HOST:PORT|unix:PATH',
  help: 'The admin address of the running sidecar, which listens on its own machine alone.',
});
/** Of every command that asks a sidecar. */
export const ADMIN_TOKEN_FILE = text({
  default: '',
  placeholder: 'FILE',
  help: 'The file with the token that the sidecar asks for (its --admin_token_file). Empty = none.',
});

export const STATUS_OPTIONS = {
  admin: ADMIN,
  admin_token_file: ADMIN_TOKEN_FILE,
  json: flag({ default: false, help: 'Prints the sidecar’s answer as it came, in JSON.' }),
  callers: flag({ default: false, help: 'Shows the callers that take most of the cores, in place of the models.' }),
};
export type StatusOptions = OptionValues<typeof STATUS_OPTIONS>;

export const DOCTOR_OPTIONS = {
  admin: ADMIN,
  admin_token_file: ADMIN_TOKEN_FILE,
  seconds: integer({
    min: 0,
    max: 3600,
    default: 5,
    help: 'How long the traffic is watched. 0 = not at all: the traffic since the start counts.',
  }),
  format: text({
    default: 'text',
    oneOf: ['text', 'json'],
    placeholder: 'text|json',
    help: 'text for people, json for scripts.',
  }),
};
export type DoctorOptions = OptionValues<typeof DOCTOR_OPTIONS> & {
  /** --admin was given: no answer there is an error. */
  readonly wantsServer: boolean;
};

const NUMBER = /^(|\d+|\d*\.\d+)$/;

/** What is not given stays as it is. */
export const WHAT_IF_OPTIONS = {
  cores: patternText(
    { default: '', placeholder: 'N', help: 'So many cores; a fraction, as a CPU quota may be, is allowed.' },
    NUMBER,
    'a number, such as 4 or 2.5',
  ),
  load: patternText(
    { default: '', placeholder: 'N', help: 'Requests come so many times as fast.' },
    NUMBER,
    'a number, such as 1.5',
  ),
  slo: integer({
    min: 0,
    max: 3_600_000,
    default: 0,
    help: 'The objective of all models in ms, for requests without a deadline (--slo_ms of serve). 0 = as it is.',
  }),
  max_batch_size: integer({ min: 0, max: 2 ** 20, default: 0, help: 'Most rows in a batch. 0 = as it is.' }),
  seconds: integer({
    min: 1,
    max: 3600,
    default: 60,
    help: 'The requests of the last so many seconds are taken; the server keeps a few minutes.',
  }),
  admin: ADMIN,
  admin_token_file: ADMIN_TOKEN_FILE,
  json: flag({ default: false, help: 'Prints JSON, for scripts.' }),
};
/** `cores` and `load` as numbers; undefined = as it is. */
export type WhatIfOptions = Omit<OptionValues<typeof WHAT_IF_OPTIONS>, 'cores' | 'load'> & {
  readonly cores: number | undefined;
  readonly load: number | undefined;
};

export const PROFILE_OPTIONS = {
  out: text({ default: '', placeholder: 'FILE', help: 'Where the trace file goes. Required.' }),
  seconds: integer({
    min: 1,
    max: MAX_PROFILE_SECONDS,
    default: DEFAULT_PROFILE_SECONDS,
    help: 'How long requests, batches and the event loop are watched.',
  }),
  model: text({
    default: '',
    placeholder: 'NAME',
    help: 'Shows the requests, batches and ops of this model alone. Empty = those of all models, and the ops of the busiest.',
  }),
  admin: ADMIN,
  admin_token_file: ADMIN_TOKEN_FILE,
};
export type ProfileOptions = OptionValues<typeof PROFILE_OPTIONS>;

export const RECORD_OPTIONS = {
  model: text({ default: '', placeholder: 'NAME', help: 'The model whose requests are recorded. Required.' }),
  out: text({ default: '', placeholder: 'FILE', help: 'The file to write; it appears once it is complete. Required.' }),
  admin: ADMIN,
  admin_token_file: ADMIN_TOKEN_FILE,
  count: integer({
    min: 1,
    max: MAX_RECORDS,
    default: 100,
    help: `Ends after this many records. A warm-up file may hold ${MAX_RECORDS}.`,
  }),
  max_bytes: integer({
    min: 1,
    max: 2 ** 31 - 1,
    default: 64 * 2 ** 20,
    help: 'Ends before the file grows beyond this many bytes.',
  }),
  duration: integer({
    min: 0,
    max: 7 * 24 * 3600,
    default: 0,
    help: 'Ends after this many seconds, with the records so far. 0 = waits for the count, or Ctrl-C.',
  }),
  sample: share({
    default: 1,
    help: 'Share of the requests that is recorded. A small share spreads the file over a longer time.',
  }),
  golden: flag({
    default: false,
    help: 'Records the answers too: for assets.extra/pillion_golden_requests, whose answers a version must give.',
  }),
  force: flag({ default: false, help: 'Overwrites FILE if it exists.' }),
};
export type RecordOptions = OptionValues<typeof RECORD_OPTIONS>;

export const REPLAY_OPTIONS = {
  in: text({
    default: '',
    placeholder: 'FILE',
    help: 'A TFRecord file of PredictionLog: a request log or a recording. Empty = the requests that the sidecar at --admin captured.',
  }),
  admin: {
    ...ADMIN,
    help: 'The admin address of the sidecar that captured the requests. It listens on its own machine alone.',
  },
  admin_token_file: ADMIN_TOKEN_FILE,
  rest: text({
    default: '127.0.0.1:8501',
    placeholder: 'HOST:PORT',
    help: 'The REST address of the sidecar that gets the requests, as protobuf, with its --inference_path_prefix behind it, if it has one. It may be another sidecar.',
  }),
  api_key_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'A file with the API key for --rest, if that sidecar has an --authorization_file. Empty = none.',
  }),
  model: text({
    default: '',
    placeholder: 'NAME',
    help: 'Sends captured requests of this model alone; sends all requests of a file to this model. Empty = all requests, each to the model that it was recorded for.',
  }),
  kept: text({
    default: '',
    oneOf: ['', 'slow', 'failed'],
    placeholder: 'slow|failed',
    help: 'Sends only the captured requests that were slow, or that failed. Empty = all.',
  }),
  count: integer({ min: 1, max: 1_000_000, default: 1000, help: 'Ends after this many requests.' }),
};
export type ReplayOptions = OptionValues<typeof REPLAY_OPTIONS>;

/** A table of options with --admin among them. */
type CommandTable = OptionTable & { readonly admin: Option<string> };

/** The options' values, or every mistake. */
export type CommandOptions<T> =
  | { readonly options: T; readonly errors?: undefined }
  | { readonly errors: readonly string[]; readonly options?: undefined };

export function readStatusOptions(args: readonly string[]): CommandOptions<StatusOptions> {
  return readCommandOptions(STATUS_OPTIONS, args);
}

export function readDoctorOptions(args: readonly string[]): CommandOptions<DoctorOptions> {
  const { options, errors } = readCommandOptions(DOCTOR_OPTIONS, args);
  if (errors !== undefined) return { errors };
  return { options: { ...options, wantsServer: args.some((arg) => /^--admin(=|$)/.test(arg)) } };
}

/** Most cores and most times the load: beyond it the number is a slip of the pen, and the simulation never ends. */
const MOST = 1000;

export function readWhatIfOptions(args: readonly string[]): CommandOptions<WhatIfOptions> {
  const { options, errors } = readCommandOptions(WHAT_IF_OPTIONS, args, ({ cores, load, slo, max_batch_size }) => {
    const isNothing = cores === '' && load === '' && slo === 0 && max_batch_size === 0;
    return [
      ...(isNothing ? ['what would change? give --cores, --load, --slo or --max_batch_size'] : []),
      ...rangeErrors('cores', cores),
      ...rangeErrors('load', load),
    ];
  });
  if (errors !== undefined) return { errors };
  const number = (value: string): number | undefined => (value === '' ? undefined : Number(value));
  return { options: { ...options, cores: number(options.cores), load: number(options.load) } };
}

function rangeErrors(option: string, value: string): readonly string[] {
  const isWithin = value === '' || (Number(value) > 0 && Number(value) <= MOST);
  return isWithin ? [] : [`--${option}=${value} wants a number above 0, at most ${MOST}`];
}

export function readProfileOptions(args: readonly string[]): CommandOptions<ProfileOptions> {
  return readCommandOptions(PROFILE_OPTIONS, args, ({ out }) => (out === '' ? ['where to? give --out=FILE'] : []));
}

export function readRecordOptions(args: readonly string[]): CommandOptions<RecordOptions> {
  return readCommandOptions(RECORD_OPTIONS, args, ({ model, out }) => [
    ...(model === '' ? ['whose requests? give --model=NAME'] : []),
    ...(out === '' ? ['where to? give --out=FILE'] : []),
  ]);
}

export function readReplayOptions(args: readonly string[]): CommandOptions<ReplayOptions> {
  return readCommandOptions(REPLAY_OPTIONS, args, ({ rest }) =>
    hostPortErrors('rest', rest.replace(/\/[^/?#]+(?:\/[^/?#]+)*$/, '')),
  );
}

/** `check` finds the mistakes that the table cannot see. */
export function readCommandOptions<T extends CommandTable>(
  table: T,
  args: readonly string[],
  check: (values: OptionValues<T>) => readonly string[] = () => [],
): CommandOptions<OptionValues<T>> {
  const { given, errors: mistakes } = readCommandLine(table, args);
  const errors = [...mistakes];
  const { values } = readOptions(table, [flagLayer(given)], errors);
  const { admin } = values as { readonly admin: string };
  errors.push(...check(values), ...(admin.startsWith(UNIX) ? [] : hostPortErrors('admin', admin)));
  return errors.length > 0 ? { errors } : { options: values };
}

function hostPortErrors(option: string, value: string): readonly string[] {
  const isHostPort = /^(\[[\da-f:]+\]|[^:/\s]+):\d+$/i.test(value);
  return isHostPort ? [] : [`--${option}=${value} wants HOST:PORT`];
}
