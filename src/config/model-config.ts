/**
 * What the configuration says of one model, and the short form of it on the command line.
 */

export type VersionPolicy =
  /** The `count` highest numbers. */
  | { readonly kind: 'latest'; readonly count: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'specific'; readonly versions: readonly bigint[] };

export interface ModelConfig {
  readonly name: string;
  /** Directory of the version directories, absolute or relative to the working directory. */
  readonly basePath: string;
  readonly versionPolicy: VersionPolicy;
  readonly versionLabels: ReadonlyMap<string, bigint>;
  /** Runtime by name; AUTO_RUNTIME = the fastest of those that the version has artifacts for; undefined = by the artifact found. */
  readonly backend: string | undefined;
  readonly executionProvider: string;
  /** Where its runs happen; undefined = what `--host` says. */
  readonly host: HostChoice | undefined;
  /** It shares a process with the other models that say the same; undefined = it does not. */
  readonly processGroup?: string | undefined;
  /** Its latency objective, in ms: when a request is due whose client set no deadline. Undefined = the server's. */
  readonly sloMs?: number | undefined;
  /** Its part of the cores beside other models, when there is too little of them; undefined = 1. */
  readonly weight?: number | undefined;
  /** What this model changes of the server's batching. */
  readonly batching?: BatchingConfig | undefined;
  /** Which of its requests are written down; undefined = none. */
  readonly logging?: RequestLoggingConfig | undefined;
  /** When its batches are held back because they fail; undefined = DEFAULT_BREAKER. */
  readonly breaker?: BreakerConfig | 'off' | undefined;
  /** Which of its batches another runtime runs too, to be compared; undefined = none. */
  readonly shadow?: ShadowConfig | undefined;
  /** Answers in its place while it cannot: it is not there, its batches fail, its breaker is open. */
  readonly fallback?: ModelChoice | undefined;
  /** Answers in its place what it is too busy for. */
  readonly degradeTo?: ModelChoice | undefined;
}

/** Of a model's `backend`: whichever is fastest. Of a shadow's: another one than the model's. */
export const AUTO_RUNTIME = 'auto';

/** A second runtime that runs copies of some batches, for comparison. */
export interface ShadowConfig {
  /** By name, or AUTO_RUNTIME. */
  readonly runtime: string;
  /** Share of the batches, 0 to 1; at 0 there is no shadow. */
  readonly sample: number;
}

/** Where nothing is said. */
export const DEFAULT_SHADOW: ShadowConfig = { runtime: AUTO_RUNTIME, sample: 0.01 };

/** A configured model, and at most one of version and label; neither = its latest. */
export interface ModelChoice {
  readonly name: string;
  readonly version?: bigint | undefined;
  readonly label?: string | undefined;
}

/** See models/serving/breaker.ts. */
export interface BreakerConfig {
  /** So many failed batches within the window, and half of all, open it. */
  readonly failures: number;
  readonly windowMs: number;
  /** How long it is open before one batch is tried. */
  readonly resetMs: number;
}

/** Few enough that a dead server is known after a moment, more than one bad batch of one client. */
export const DEFAULT_BREAKER: BreakerConfig = { failures: 5, windowMs: 10_000, resetMs: 2000 };

/** TensorFlow Serving's batching knobs (BatchingParameters): what is absent is the server's. */
export interface BatchingConfig {
  readonly maxBatchSize?: number | undefined;
  readonly batchTimeoutMicros?: number | undefined;
  readonly maxEnqueuedBatches?: number | undefined;
  readonly allowedBatchSizes?: readonly number[] | undefined;
  /** Requests of different shapes share runs, padded to the largest. */
  readonly padVariableLengthInputs?: boolean | undefined;
  /** Runs of the model at a time. */
  readonly numBatchThreads?: number | undefined;
}

/** TensorFlow Serving's LoggingConfig, as far as it means something here. */
export interface RequestLoggingConfig {
  /** Path and start of the names of the files: "/var/log/pillion/digits". */
  readonly filenamePrefix: string;
  /** Share of the requests that is written, 0 to 1. */
  readonly samplingRate: number;
}

/**
 * auto = where its backend wants; where it has no wish, on the event loop if runs are short enough, which is measured at
 * load and watched, else in threads.
 */
export const HOST_CHOICES = ['auto', 'inline', 'thread', 'process'] as const;
export type HostChoice = (typeof HOST_CHOICES)[number];

/** `isolate` and `process_group` mean the host `process`. A phrase where they contradict it, or each other. */
export function processHost(
  isolate: boolean | undefined,
  processGroup: string | undefined,
  host: HostChoice | undefined,
): { value: HostChoice | undefined } | { error: string } {
  if (isolate === true && processGroup !== undefined) {
    return { error: 'isolate means a process of its own, process_group one that is shared; leave one of them out' };
  }
  if (isolate !== true && processGroup === undefined) return { value: host };
  if (host === undefined || host === 'process') return { value: 'process' };
  const said = isolate === true ? 'isolate' : 'process_group';
  return { error: `${said} means host process, but host is ${host}; leave one of them out` };
}

/** `runtime` is another word for `backend`. A phrase where both are said. */
export function namedRuntime(
  backend: string | undefined,
  runtime: string | undefined,
): { value: string | undefined } | { error: string } {
  if (backend === undefined || runtime === undefined) return { value: backend ?? runtime };
  return { error: 'runtime is another word for backend; leave one of them out' };
}

/** Of `--model=…,log=PREFIX` that says no rate. TensorFlow Serving's files say it always. */
export const DEFAULT_SAMPLING_RATE = 0.01;

export const LATEST_ONE: VersionPolicy = { kind: 'latest', count: 1 };

/** "NAME=DIR[,key=value…]" → config, or a phrase that says what is wrong with it. */
export function parseModelFlag(text: string): { value: ModelConfig } | { error: string } {
  const [head, ...rest] = text.split(',');
  const equals = head!.indexOf('=');
  if (equals < 1 || equals === head!.length - 1)
    return { error: 'wants NAME=DIR first, such as digits=/models/digits' };
  const settings = {
    backend: undefined as string | undefined,
    runtime: undefined as string | undefined,
    shadow: undefined as string | undefined,
    shadowSample: undefined as number | undefined,
    provider: 'cpu',
    versions: LATEST_ONE,
    host: undefined as HostChoice | undefined,
    isolate: undefined as boolean | undefined,
    processGroup: undefined as string | undefined,
    log: undefined as string | undefined,
    logRate: undefined as number | undefined,
    sloMs: undefined as number | undefined,
    breaker: undefined as 'off' | undefined,
    fallback: undefined as ModelChoice | undefined,
    degradeTo: undefined as ModelChoice | undefined,
    weight: undefined as number | undefined,
  };
  const labels = new Map<string, bigint>();
  for (const part of rest) {
    const [, key, value] = /^([^=]+)=(.+)$/.exec(part) ?? [];
    if (key === undefined || value === undefined) return { error: `"${part}" wants the form key=value` };
    if (key === 'backend' || key === 'runtime' || key === 'shadow') settings[key] = value;
    else if (key === 'shadow_sample') {
      settings.shadowSample = parseShare(value);
      if (settings.shadowSample === undefined)
        return { error: `shadow_sample=${value} wants a number from 0 to 1, the share of batches to run twice` };
    } else if (key === 'provider') settings.provider = value;
    else if (key === 'host') {
      settings.host = HOST_CHOICES.find((choice) => choice === value);
      if (settings.host === undefined) return { error: `host=${value} wants one of ${HOST_CHOICES.join(', ')}` };
    } else if (key === 'isolate') {
      if (value !== 'true' && value !== 'false') return { error: `isolate=${value} wants true or false` };
      settings.isolate = value === 'true';
    } else if (key === 'process_group') settings.processGroup = value;
    else if (key === 'slo_ms') {
      settings.sloMs = parseSloMs(value);
      if (settings.sloMs === undefined) return { error: `slo_ms=${value} wants milliseconds above 0, such as 50` };
    } else if (key === 'weight') {
      settings.weight = parseWeight(value);
      if (settings.weight === undefined) return { error: `weight=${value} wants a number from 0.01 to 100, such as 2` };
    } else if (key === 'versions') {
      const policy = parseVersionPolicy(value);
      if (policy === undefined) return { error: `versions=${value} wants latest:N, all, or numbers such as 3+7` };
      settings.versions = policy;
    } else if (key === 'fallback' || key === 'degrade_to') {
      const choice = parseModelChoice(value);
      if (choice === undefined) return { error: `${key}=${value} wants ${MODEL_CHOICE}` };
      settings[key === 'fallback' ? 'fallback' : 'degradeTo'] = choice;
    } else if (key === 'breaker') {
      if (value !== 'off') return { error: `breaker=${value} wants off; how it works is said in pillion.yaml` };
      settings.breaker = value;
    } else if (key === 'log') settings.log = value;
    else if (key === 'log_rate') {
      settings.logRate = parseShare(value);
      if (settings.logRate === undefined)
        return { error: `log_rate=${value} wants a number from 0 to 1, the share of requests to write` };
    } else if (key.startsWith('label.') && /^\d+$/.test(value)) labels.set(key.slice('label.'.length), BigInt(value));
    else {
      const keys =
        'backend, runtime, provider, host, isolate, process_group, slo_ms, weight, versions, log, log_rate, fallback, degrade_to, breaker, shadow, shadow_sample and label.NAME (a number)';
      return { error: `unknown key "${key}"; keys are ${keys}` };
    }
  }
  if (settings.logRate !== undefined && settings.log === undefined) {
    return { error: 'log_rate says how much is written; say where with log=PATH_PREFIX' };
  }
  if (settings.shadowSample !== undefined && settings.shadow === undefined) {
    return {
      error: `shadow_sample says how much is run twice; say on what with shadow=RUNTIME, or shadow=${AUTO_RUNTIME}`,
    };
  }
  const host = processHost(settings.isolate, settings.processGroup, settings.host);
  if ('error' in host) return host;
  const runtime = namedRuntime(settings.backend, settings.runtime);
  if ('error' in runtime) return runtime;
  return {
    value: {
      name: head!.slice(0, equals),
      basePath: head!.slice(equals + 1),
      versionPolicy: settings.versions,
      versionLabels: labels,
      backend: runtime.value,
      executionProvider: settings.provider,
      host: host.value,
      ...(settings.processGroup !== undefined && { processGroup: settings.processGroup }),
      ...(settings.log === undefined
        ? {}
        : { logging: { filenamePrefix: settings.log, samplingRate: settings.logRate ?? DEFAULT_SAMPLING_RATE } }),
      sloMs: settings.sloMs,
      ...(settings.breaker !== undefined && { breaker: settings.breaker }),
      ...(settings.shadow !== undefined && {
        shadow: { runtime: settings.shadow, sample: settings.shadowSample ?? DEFAULT_SHADOW.sample },
      }),
      ...(settings.fallback !== undefined && { fallback: settings.fallback }),
      ...(settings.degradeTo !== undefined && { degradeTo: settings.degradeTo }),
      weight: settings.weight,
    },
  };
}

/** What a choice of a model wants to look like. */
export const MODEL_CHOICE = 'a model, such as small, small:3 (a version) or small@stable (a label)';

/** "small", "small:3" or "small@stable"; undefined for anything else. */
export function parseModelChoice(text: string): ModelChoice | undefined {
  const [, name, version, label] = /^([^/:@\s]+)(?::(\d{1,19})|@([^/:@\s]+))?$/.exec(text) ?? [];
  if (name === undefined) return undefined;
  return { name, version: version === undefined ? undefined : BigInt(version), label };
}

/** As parseModelChoice reads it. */
export function showModelChoice({ name, version, label }: ModelChoice): string {
  if (label !== undefined) return `${name}@${label}`;
  return version === undefined ? name : `${name}:${version}`;
}

/** Undefined for what is no number from 0 to 1. */
function parseShare(text: string): number | undefined {
  const share = Number(text);
  return share >= 0 && share <= 1 ? share : undefined;
}

/** A day at most: what is longer is no objective. */
const MAX_SLO_MS = 86_400_000;

function parseSloMs(text: string): number | undefined {
  const ms = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : 0;
  return ms > 0 && ms <= MAX_SLO_MS ? ms : undefined;
}

/** Beyond a hundred times as much as others, others get nothing. */
export const WEIGHT_RANGE = { min: 0.01, max: 100 } as const;

function parseWeight(text: string): number | undefined {
  const weight = /^\d{1,3}(\.\d{1,6})?$/.test(text) ? Number(text) : 0;
  return weight >= WEIGHT_RANGE.min && weight <= WEIGHT_RANGE.max ? weight : undefined;
}

function parseVersionPolicy(text: string): VersionPolicy | undefined {
  if (text === 'all') return { kind: 'all' };
  const latest = /^latest:([1-9]\d{0,8})$/.exec(text);
  if (latest !== null) return { kind: 'latest', count: Number(latest[1]) };
  if (/^\d+(\+\d+)*$/.test(text)) return { kind: 'specific', versions: text.split('+').map(BigInt) };
  return undefined;
}
