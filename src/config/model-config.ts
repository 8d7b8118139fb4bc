/**
 * The configuration of one model: the type, meaning and default of each key. The keys are those of pillion.yaml;
 * model-flag.ts reads the short form of the command line by the same schema. model-server-config.ts makes a ModelConfig
 * from TensorFlow Serving's file.
 */
import * as v from 'valibot';
import { BATCHING_OFF, DECLARATION_KEYS, type DeclaredBatching } from './batch-declaration.ts';
import { type ModelKeys, splitKeys } from './model-key.ts';
import type { ConfigKeys } from './read-options.ts';
import {
  about,
  camelKeys,
  choice,
  count,
  fields,
  flag,
  named,
  nonEmptyText,
  number,
  optional,
  text,
  together,
  VERSION,
} from './yaml/kinds.ts';

export type VersionPolicy =
  /** The `count` highest version numbers. */
  | { readonly kind: 'latest'; readonly count: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'specific'; readonly versions: readonly bigint[] };

export const LATEST_ONE: VersionPolicy = { kind: 'latest', count: 1 };

/** A configured model, with a version, a label, or neither: the latest version. */
export interface ModelChoice {
  readonly name: string;
  readonly version?: bigint | undefined;
  readonly label?: string | undefined;
}

/** The fastest runtime, as a model's backend; another runtime than the model's, as a shadow's. */
export const AUTO_RUNTIME = 'auto';

/** Few enough failures to notice a dead server soon, and more than one client's bad batch. */
export const DEFAULT_BREAKER = { failures: 5, windowMs: 10_000, resetMs: 2000 };

/**
 * auto = the host that the backend asks for. If it asks for none: the event loop if runs are short enough, which is
 * measured at load and watched afterwards, else threads.
 */
export const HOST_CHOICES = ['auto', 'inline', 'thread', 'process'] as const;
export type HostChoice = (typeof HOST_CHOICES)[number];

const MAX_COUNT = 2 ** 31 - 1;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const VERSIONS = 'latest:N, all, or numbers such as [3, 7]';

// A longer time is no objective.
const SLO_WANTS = `milliseconds above 0, at most ${DAY_MS}, such as 50`;
const SLO_MS = v.pipe(number(0, DAY_MS, SLO_WANTS), v.gtValue(0, SLO_WANTS));

const VERSION_POLICY = v.pipe(
  v.union(
    [
      v.pipe(text(VERSIONS), v.regex(/^(all|latest(:[1-9][0-9]{0,8})?)$/, VERSIONS)),
      VERSION,
      v.pipe(v.array(VERSION), v.nonEmpty('names no version')),
    ],
    VERSIONS,
  ),
  v.transform((versions): VersionPolicy => {
    if (versions === 'all') return { kind: 'all' };
    if (typeof versions === 'string') return { kind: 'latest', count: Number(versions.slice('latest:'.length) || 1) };
    return { kind: 'specific', versions: Array.isArray(versions) ? versions : [versions] };
  }),
);

const SIZES = v.pipe(
  v.array(count(1, MAX_COUNT), 'a list'),
  v.transform((sizes): readonly number[] | undefined => (sizes.length === 0 ? undefined : sizes)),
);

/** TensorFlow Serving's BatchingParameters, and what the owner declares (batch-declaration.ts). */
const BATCHING_MAP = v.pipe(
  fields({
    max_batch_size: v.optional(count(1, MAX_COUNT)),
    batch_timeout_micros: v.optional(count(0, MAX_COUNT)),
    max_enqueued_batches: v.optional(count(1, MAX_COUNT)),
    allowed_batch_sizes: v.optional(SIZES),
    num_batch_threads: v.optional(count(1, 1024)),
    pad_variable_length_inputs: v.optional(flag),
    batch_memory_mib: v.optional(count(1, MAX_COUNT)),
    ...DECLARATION_KEYS,
  }),
  together(({ allowed_batch_sizes: sizes, max_batch_size: most }, say) => {
    if (!Array.isArray(sizes) || !sizes.every((size) => typeof size === 'number')) return;
    if (sizes.some((size, i) => size <= sizes[i - 1]!)) say('allowed_batch_sizes must ascend', 'allowed_batch_sizes');
    const last = sizes.at(-1);
    if (last === undefined || most === undefined || last === most) return;
    say(`the last of allowed_batch_sizes is ${last}, but max_batch_size is ${most}; make them equal`);
  }),
  v.transform(camelKeys),
);

const BATCHING = v.union([...BATCHING_OFF, BATCHING_MAP], 'off, or "key: value" lines');

const BREAKER = v.union(
  [
    v.pipe(
      text('one of off'),
      v.value('off', 'one of off'),
      v.transform(() => 'off' as const),
    ),
    v.pipe(
      fields({
        failures: v.optional(
          about(
            count(1, 10_000),
            'Opens after this many failed batches within the window, if they are half of all batches.',
          ),
          BigInt(DEFAULT_BREAKER.failures),
        ),
        window_ms: v.optional(count(1, HOUR_MS), BigInt(DEFAULT_BREAKER.windowMs)),
        reset_ms: v.optional(
          about(count(1, HOUR_MS), 'How long it stays open before one batch is tried.'),
          BigInt(DEFAULT_BREAKER.resetMs),
        ),
      }),
      v.transform(camelKeys),
    ),
  ],
  'off, or "key: value" lines',
);

const DEVICE = count(0, 127);
const DEVICES = v.pipe(
  v.union(
    [DEVICE, v.pipe(v.array(DEVICE), v.nonEmpty('names no device'))],
    'a number from 0 to 127, or a list of them',
  ),
  v.transform((devices): readonly number[] => (Array.isArray(devices) ? devices : [devices])),
);

const PARAMETER = v.union([text(), flag, number(-Infinity, Infinity)], 'a text, a number, or true or false');

/** model-checks.ts checks names, for which it needs all models. */
const KEYS = {
  name: about(nonEmptyText, 'The name in requests.', { pattern: '^[^/:\\s]+$' }),
  base_path: about(
    nonEmptyText,
    'Directory with one numbered directory per version. Relative paths start at the working directory.',
  ),
  versions: optional(VERSION_POLICY, 'latest:N, all, one number, or a list of numbers. Default: latest:1.'),
  labels: optional(named(VERSION), 'Names for versions: {stable: 3}.'),
  backend: optional(
    text(),
    `Runtime by name, or ${AUTO_RUNTIME}: the fastest of those that the version has files for. Default: the first that knows the files.`,
  ),
  runtime: optional(text(), 'Another name for backend.'),
  parameters: optional(
    named(PARAMETER),
    'Values for the runtime, by name: docs/how-to/runtimes.md says which ones it has. An unknown name fails the load.',
  ),
  provider: optional(choice(['cpu', 'cuda']), 'Where it runs. Default: execution_provider.'),
  devices: optional(
    DEVICES,
    'Numbers of the GPUs of provider cuda: one, or a list with one session on each. Default: 0.',
  ),
  slo_ms: optional(SLO_MS, 'Latency objective in ms, for requests without a deadline. Default: the server’s slo_ms.'),
  weight: optional(
    // Other models would get nothing if the ratio were larger.
    number(0.01, 100),
    'Its share of the cores relative to other models’, when there are too few cores for all. Default: 1.',
  ),
  host: optional(choice(HOST_CHOICES), 'Where its runs happen. Default: the server’s host.'),
  isolate: optional(flag, 'true is another way to say host: process.'),
  process_group: optional(
    text(),
    'The model shares one process with the other models of this group, instead of having its own.',
    { minLength: 1 },
  ),
  batching: optional(
    BATCHING,
    'Overrides of the server’s batching for this model, and where its rows are. off: each request is run as it came.',
  ),
  breaker: optional(BREAKER, 'The circuit breaker, which refuses requests while batches fail: off, or its numbers.'),
};

type Keys = typeof KEYS;

/** A model of pillion.yaml. The values of features' keys are taken out by splitKeys. */
export function modelSchema(features: ModelKeys) {
  const ofFeatures = features.map(({ name, schema, help }) => [name, optional(schema, help)]);
  const keys: Keys = { ...KEYS, ...Object.fromEntries(ofFeatures) };
  return v.pipe(
    fields(keys),
    together(({ backend, runtime, isolate, process_group, host, provider, devices }, say) => {
      if (backend !== undefined && runtime !== undefined) {
        say('runtime is another word for backend; leave one of them out');
      }
      if (devices !== undefined && provider === 'cpu') {
        say('devices are those of provider cuda, but provider is cpu; leave one of them out', 'devices');
      }
      if (process_group === '') say('process_group may not be empty');
      if (isolate === true && process_group !== undefined) {
        say('isolate means a process of its own, process_group one that is shared; leave one of them out');
      } else if ((isolate === true || process_group !== undefined) && host !== undefined && host !== 'process') {
        const said = isolate === true ? 'isolate' : 'process_group';
        say(`${said} means host process, but host is ${host}; leave one of them out`);
      }
    }),
  );
}

export type ModelEntry = v.InferOutput<ReturnType<typeof modelSchema>>;
/** TensorFlow Serving's BatchingParameters; an absent value is the server's. */
export type BatchingConfig = Omit<v.InferOutput<typeof BATCHING_MAP>, keyof DeclaredBatching>;
export type BreakerConfig = Exclude<v.InferOutput<typeof BREAKER>, 'off'>;

/** A model as it is served; KEYS describes the fields. */
export type ModelConfig = Readonly<ReturnType<typeof modelOf>> & {
  /** Why its load fails, whatever its versions hold. Absent = it can be loaded. */
  readonly refusal?: string | undefined;
  /** It is made of other models, so that its versions' directories may be empty. Default: false. */
  readonly mayBeEmpty?: boolean;
  /** The name of the file that configures it, for people. Absent = it is the server's configuration. */
  readonly configuredBy?: string;
};

/** The defaults of models, wherever they are listed. */
export interface ModelDefaults {
  /** The provider of a model that names none. */
  readonly executionProvider: string;
  /** The keys that features bring. Default: none. */
  readonly modelKeys?: ModelKeys;
  /** Features that are left out, whose keys are no slips of the pen. Default: none. */
  readonly absent?: ConfigKeys['absent'];
}

export function modelOf(entry: ModelEntry, { executionProvider, modelKeys = [] }: ModelDefaults) {
  const [own, featureKeys] = splitKeys(modelKeys, entry);
  const { versions, labels, backend, runtime, provider, host, isolate, batching, ...rest } = own;
  const hasProcess = isolate === true || rest.process_group !== undefined;
  return {
    ...camelKeys(rest),
    ...batchingOf(batching),
    ...(featureKeys && { featureKeys }),
    versionPolicy: versions ?? LATEST_ONE,
    versionLabels: labels ?? (new Map() as ReadonlyMap<string, bigint>),
    /** Undefined = chosen by the version's files. */
    backend: backend ?? runtime,
    executionProvider: provider ?? executionProvider,
    /** Undefined = the value of `--host`. */
    host: hasProcess ? ('process' as const) : host,
  };
}

/** The server's configuration of a model's batching. */
interface ModelBatchingConfig {
  /** Undefined = the server's values. */
  readonly batching?: BatchingConfig | undefined;
  /** Undefined = as the model's own file says. */
  readonly declaredBatching?: DeclaredBatching | 'off' | undefined;
}

function batchingOf(batching: ModelEntry['batching']): ModelBatchingConfig {
  if (batching === undefined) return {};
  if (batching === 'off') return { declaredBatching: 'off' };
  const { enabled, inputs, outputs, padValues, maxPaddedLength, ...parameters } = batching;
  const isDeclared = [enabled, inputs, outputs, padValues, maxPaddedLength].some((each) => each !== undefined);
  const hasParameters = Object.keys(parameters).length > 0 || !isDeclared;
  return {
    ...(hasParameters && { batching: parameters }),
    ...(isDeclared && {
      declaredBatching: {
        ...{ enabled, inputs, outputs },
        ...(padValues && { padValues }),
        ...(maxPaddedLength && { maxPaddedLength }),
      },
    }),
  };
}

/** The text from which MODEL reads the choice. */
export function showModelChoice({ name, version, label }: ModelChoice): string {
  if (label !== undefined) return `${name}@${label}`;
  return version === undefined ? name : `${name}:${version}`;
}
