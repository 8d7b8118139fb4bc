/** Every option of `pillion replay`, once; --help and the reader are made from it. */
import { readCommandLine } from '../config/command-line.ts';
import { integer, type Option, text } from '../config/option-types.ts';
import { flagLayer, readOptions } from '../config/read-options.ts';

export const REPLAY_OPTIONS = {
  in: text({
    default: '',
    placeholder: 'FILE',
    help: 'A TFRecord file of PredictionLog: a request log, a recording. Empty = what the sidecar at --admin captured.',
  }),
  admin: text({
    default: '127.0.0.1:8502',
    placeholder: 'HOST:PORT',
    help: 'The admin address of the sidecar whose captured requests are sent; it listens on its own machine alone.',
  }),
  rest: text({
    default: '127.0.0.1:8501',
    placeholder: 'HOST:PORT',
    help: 'The REST address of the server that they are sent to; need not be the same sidecar.',
  }),
  model: text({
    default: '',
    placeholder: 'NAME',
    help: 'Of captured requests, those of this model; of a file’s, the model that they are sent to. Empty = all; as recorded.',
  }),
  kept: text({
    default: '',
    oneOf: ['', 'slow', 'failed'],
    placeholder: 'slow|failed',
    help: 'Of captured requests, those that were kept for this. Empty = all.',
  }),
  count: integer({ min: 1, max: 1_000_000, default: 1000, help: 'Ends after so many requests.' }),
} satisfies Record<string, Option<unknown>>;

type Table = typeof REPLAY_OPTIONS;
export type ReplayOptions = { readonly [K in keyof Table]: Table[K] extends Option<infer T> ? T : never };

export type ReplayOptionsResult =
  | { readonly options: ReplayOptions; readonly errors?: undefined }
  | { readonly errors: readonly string[]; readonly options?: undefined };

export function readReplayOptions(args: readonly string[]): ReplayOptionsResult {
  const { given, errors: mistakes } = readCommandLine(REPLAY_OPTIONS, args);
  const errors = [...mistakes];
  const { values } = readOptions(REPLAY_OPTIONS, [flagLayer(given)], errors);
  for (const name of ['admin', 'rest'] as const) {
    if (!/^(\[[\da-f:]+\]|[^:/\s]+):\d+$/i.test(values[name])) errors.push(`--${name}=${values[name]} wants HOST:PORT`);
  }
  return errors.length > 0 ? { errors } : { options: values };
}
