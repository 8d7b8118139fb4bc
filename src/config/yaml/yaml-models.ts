/** `models:` of pillion.yaml → ModelConfig[]. */
import { isScalar, isSeq, type Node } from 'yaml';
import { BATCHING_FIELDS } from '../batching-parameters.ts';
import { checkAlternates, checkNames, type NamedModel } from '../model-checks.ts';
import {
  type BatchingConfig,
  type BreakerConfig,
  DEFAULT_BREAKER,
  DEFAULT_SHADOW,
  HOST_CHOICES,
  LATEST_ONE,
  MODEL_CHOICE,
  type ModelChoice,
  type ModelConfig,
  namedRuntime,
  parseModelChoice,
  processHost,
  type RequestLoggingConfig,
  type ShadowConfig,
  type VersionPolicy,
  WEIGHT_RANGE,
} from '../model-config.ts';
import type { ModelDefaults } from '../model-server-config.ts';
import type { Range, YamlEntry, YamlReader } from './yaml-reader.ts';

export const MODEL_KEYS = [
  'name',
  'base_path',
  'versions',
  'labels',
  'backend',
  'runtime',
  'provider',
  'host',
  'isolate',
  'process_group',
  'slo_ms',
  'weight',
  'batching',
  'logging',
  'breaker',
  'shadow',
  'fallback',
  'degrade_to',
] as const;
export const BREAKER_KEYS = ['failures', 'window_ms', 'reset_ms'] as const;
export const SHADOW_KEYS = ['runtime', 'sample'] as const;
export const LOGGING_KEYS = ['filename_prefix', 'sampling_rate'] as const;
export const PROVIDERS = ['cpu', 'cuda'] as const;

/** What each knob of `batching:` may be. */
export const BATCHING_RANGES: Readonly<
  Record<Exclude<keyof BatchingConfig, 'allowedBatchSizes' | 'padVariableLengthInputs'>, Range>
> = {
  maxBatchSize: { min: 1, max: 2 ** 31 - 1 },
  batchTimeoutMicros: { min: 0, max: 2 ** 31 - 1 },
  maxEnqueuedBatches: { min: 1, max: 2 ** 31 - 1 },
  numBatchThreads: { min: 1, max: 1024 },
};

/** Of an objective; more than a day is none. */
export const SLO_MS = { min: 1, max: 86_400_000 };

export const BREAKER_RANGES: Readonly<Record<(typeof BREAKER_KEYS)[number], Range>> = {
  failures: { min: 1, max: 10_000 },
  window_ms: { min: 1, max: 3_600_000 },
  reset_ms: { min: 1, max: 3_600_000 },
};

const VERSIONS: Range = { min: 0, max: 2n ** 63n - 1n };

export function readModels(
  reader: YamlReader,
  node: Node | undefined,
  defaults: ModelDefaults,
): readonly ModelConfig[] {
  const items = reader.items(node, 'models') ?? [];
  const named: NamedModel[] = [];
  const places = new Map<ModelConfig, string>();
  const models = items.flatMap((item) => {
    const entries = reader.entries(item, 'a model', MODEL_KEYS);
    if (entries === undefined) return [];
    const model = new ModelEntryReader(reader, item, entries).read(defaults);
    places.set(model, reader.where(item));
    if (model.name !== '') named.push({ name: model.name, where: reader.where(item) });
    return [model];
  });
  checkNames(named, reader.errors);
  checkAlternates(models, reader.errors, (model) => places.get(model)!);
  return models;
}

class ModelEntryReader {
  readonly #reader: YamlReader;
  readonly #item: Node | undefined;
  readonly #entries: readonly YamlEntry[];

  constructor(reader: YamlReader, item: Node | undefined, entries: readonly YamlEntry[]) {
    this.#reader = reader;
    this.#item = item;
    this.#entries = entries;
  }

  read(defaults: ModelDefaults): ModelConfig {
    const reader = this.#reader;
    return {
      name: this.#required('name'),
      basePath: this.#required('base_path'),
      versionPolicy: this.#optional('versions', (node) => this.#versions(node)) ?? LATEST_ONE,
      versionLabels: this.#optional('labels', (node) => this.#labels(node)) ?? new Map(),
      backend: this.#runtime(),
      executionProvider:
        this.#optional('provider', (node) => reader.choice(node, 'provider', PROVIDERS)) ?? defaults.executionProvider,
      ...this.#host(),
      sloMs: this.#optional('slo_ms', (node) => reader.number(node, 'slo_ms', SLO_MS)),
      weight: this.#optional('weight', (node) => reader.number(node, 'weight', WEIGHT_RANGE)),
      batching: this.#optional('batching', (node) => readBatching(reader, node)),
      logging: this.#optional('logging', (node) => readLogging(reader, node)),
      breaker: this.#optional('breaker', (node) => readBreaker(reader, node)),
      shadow: this.#optional('shadow', (node) => readShadow(reader, node)),
      fallback: this.#optional('fallback', (node) => readChoice(reader, node, 'fallback')),
      degradeTo: this.#optional('degrade_to', (node) => readChoice(reader, node, 'degrade_to')),
    };
  }

  #optional<T>(key: string, read: (node: Node | undefined) => T | undefined): T | undefined {
    const entry = this.#entries.find((each) => each.key === key);
    if (entry === undefined) return undefined;
    if (entry.value === undefined) return this.#reader.fail(entry.where, `${key} has no value`);
    return read(entry.value);
  }

  #required(key: string): string {
    if (!this.#entries.some((entry) => entry.key === key)) {
      this.#reader.fail(this.#reader.where(this.#item), `the model has no ${key}`);
    }
    const value = this.#optional(key, (node) => this.#reader.text(node, key));
    if (value === '') this.#reader.fail(this.#reader.where(this.#item), `${key} may not be empty`);
    return value ?? '';
  }

  #runtime(): string | undefined {
    const reader = this.#reader;
    const of = (key: string): string | undefined => this.#optional(key, (node) => reader.text(node, key));
    const both = namedRuntime(of('backend'), of('runtime'));
    return 'value' in both ? both.value : reader.fail(reader.where(this.#item), both.error);
  }

  #host(): Pick<ModelConfig, 'host' | 'processGroup'> {
    const reader = this.#reader;
    const host = this.#optional('host', (node) => reader.choice(node, 'host', HOST_CHOICES));
    const isolate = this.#optional('isolate', (node) => reader.flag(node, 'isolate'));
    const processGroup = this.#optional('process_group', (node) => reader.text(node, 'process_group'));
    if (processGroup === '') reader.fail(reader.where(this.#item), 'process_group may not be empty');
    const chosen = processHost(isolate, processGroup, host);
    if ('error' in chosen) reader.fail(reader.where(this.#item), chosen.error);
    const value = 'value' in chosen ? chosen.value : undefined;
    return { host: value, ...(processGroup !== undefined && { processGroup }) };
  }

  /** `latest:2` as on the command line, `all`, one number, or a list of them. */
  #versions(node: Node | undefined): VersionPolicy | undefined {
    const reader = this.#reader;
    const text = isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
    if (text === 'all') return { kind: 'all' };
    const latest = /^latest(?::([1-9]\d{0,8}))?$/.exec(text ?? '');
    if (latest !== null) return { kind: 'latest', count: Number(latest[1] ?? 1) };
    if (text !== undefined) {
      return reader.fail(reader.where(node), `versions wants latest:N, all, or numbers such as [3, 7], not "${text}"`);
    }
    const nodes = isSeq(node) ? reader.items(node, 'versions')! : [node];
    if (nodes.length === 0) return reader.fail(reader.where(node), 'versions names no version');
    const versions = nodes.map((each) => reader.integer(each, 'a version', VERSIONS));
    return { kind: 'specific', versions: versions.filter((version) => version !== undefined) };
  }

  #labels(node: Node | undefined): ReadonlyMap<string, bigint> {
    const labels = new Map<string, bigint>();
    for (const { key, where, value } of this.#reader.anyEntries(node, 'labels') ?? []) {
      if (key === '') this.#reader.fail(where, 'a label may not be empty');
      const version = this.#reader.integer(value, `label "${key}"`, VERSIONS);
      if (version !== undefined) labels.set(key, version);
    }
    return labels;
  }
}

function readBatching(reader: YamlReader, node: Node | undefined): BatchingConfig | undefined {
  const entries = reader.entries(node, 'batching', Object.values(BATCHING_FIELDS));
  if (entries === undefined) return undefined;
  const batching: Record<string, unknown> = {};
  for (const { key, where, value } of entries) {
    const [knob] = Object.entries(BATCHING_FIELDS).find(([, field]) => field === key)!;
    if (knob === 'allowedBatchSizes') batching[knob] = readSizes(reader, where, value);
    else if (knob === 'padVariableLengthInputs') batching[knob] = reader.boolean(value, key);
    else {
      const read = reader.integer(value, key, BATCHING_RANGES[knob as keyof typeof BATCHING_RANGES]);
      batching[knob] = read === undefined ? undefined : Number(read);
    }
  }
  const { allowedBatchSizes, maxBatchSize } = batching as BatchingConfig;
  const last = allowedBatchSizes?.at(-1);
  if (last !== undefined && maxBatchSize !== undefined && last !== maxBatchSize) {
    reader.fail(
      reader.where(node),
      `the last of allowed_batch_sizes is ${last}, but max_batch_size is ${maxBatchSize}; make them equal`,
    );
  }
  return batching as BatchingConfig;
}

function readSizes(reader: YamlReader, where: string, node: Node | undefined): readonly number[] | undefined {
  const nodes = reader.items(node, 'allowed_batch_sizes') ?? [];
  const sizes = nodes.map((each) =>
    Number(reader.integer(each, 'a batch size', BATCHING_RANGES.maxBatchSize) ?? Number.NaN),
  );
  if (sizes.some((size, i) => i > 0 && size <= sizes[i - 1]!)) reader.fail(where, 'allowed_batch_sizes must ascend');
  return sizes.length === 0 ? undefined : sizes;
}

function readLogging(reader: YamlReader, node: Node | undefined): RequestLoggingConfig | undefined {
  const entries = reader.entries(node, 'logging', LOGGING_KEYS);
  if (entries === undefined) return undefined;
  const of = (key: string): YamlEntry | undefined => entries.find((entry) => entry.key === key);
  for (const key of LOGGING_KEYS) if (of(key) === undefined) reader.fail(reader.where(node), `logging has no ${key}`);
  const prefix = of('filename_prefix');
  const rate = of('sampling_rate');
  if (prefix === undefined || rate === undefined) return undefined;
  const filenamePrefix = reader.text(prefix.value, 'filename_prefix');
  const samplingRate = reader.number(rate.value, 'sampling_rate', { min: 0, max: 1 });
  if (filenamePrefix === '') return reader.fail(prefix.where, 'filename_prefix may not be empty');
  return filenamePrefix && samplingRate ? { filenamePrefix, samplingRate } : undefined;
}

/** `off`, or its numbers; those that are not given are the defaults. */
function readBreaker(reader: YamlReader, node: Node | undefined): BreakerConfig | 'off' | undefined {
  if (isScalar(node)) return reader.choice(node, 'breaker', ['off'] as const);
  const entries = reader.entries(node, 'breaker', BREAKER_KEYS);
  if (entries === undefined) return undefined;
  const numberOf = (key: (typeof BREAKER_KEYS)[number], byDefault: number): number => {
    const entry = entries.find((each) => each.key === key);
    return entry === undefined ? byDefault : Number(reader.integer(entry.value, key, BREAKER_RANGES[key]) ?? byDefault);
  };
  return {
    failures: numberOf('failures', DEFAULT_BREAKER.failures),
    windowMs: numberOf('window_ms', DEFAULT_BREAKER.windowMs),
    resetMs: numberOf('reset_ms', DEFAULT_BREAKER.resetMs),
  };
}

/** What is not given is the default. */
function readShadow(reader: YamlReader, node: Node | undefined): ShadowConfig | undefined {
  const entries = reader.entries(node, 'shadow', SHADOW_KEYS);
  if (entries === undefined) return undefined;
  const of = (key: string): YamlEntry | undefined => entries.find((entry) => entry.key === key);
  const [runtime, sample] = [of('runtime'), of('sample')];
  return {
    runtime: (runtime && reader.text(runtime.value, 'runtime')) ?? DEFAULT_SHADOW.runtime,
    sample: (sample && reader.number(sample.value, 'sample', { min: 0, max: 1 })) ?? DEFAULT_SHADOW.sample,
  };
}

function readChoice(reader: YamlReader, node: Node | undefined, key: string): ModelChoice | undefined {
  const text = reader.text(node, key);
  if (text === undefined) return undefined;
  return parseModelChoice(text) ?? reader.fail(reader.where(node), `${key} wants ${MODEL_CHOICE}, not "${text}"`);
}
