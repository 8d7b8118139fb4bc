/**
 * Brings the configured models up, finds them for requests, takes them down.
 *
 * A request meets a model in one of three ways: available (it gets a handle), wanted but still loading
 * (`model_not_ready`, retryable), or unknown (`model_not_found`, `label_not_found`). The texts list what there is.
 */
import { resolve } from 'node:path';
import type { ModelConfig } from '../config/model-config.ts';
import { ServingError, toServingError } from '../core/errors.ts';
import type { Servable, ServableHandle, VersionStatus } from './servable.ts';
import type { ServableDirectory, VersionChoice } from './servable-directory.ts';
import { aspiredVersions } from './version-policy.ts';
import { VersionRecord } from './version-record.ts';
import { findVersions } from './version-source.ts';

/** Opens one version directory. Rejects with ServingError `load_failed`. */
export type LoadServable = (model: ModelConfig, version: bigint, directory: string) => Promise<Servable>;

export interface ModelManagerOptions {
  readonly models: readonly ModelConfig[];
  readonly load: LoadServable;
  /** Told of each step of each version's life, for the log. */
  readonly onTransition?: (model: string, status: VersionStatus) => void;
}

/** When to ask again for a model that is loading. Most models here load in under a second. */
const LOADING_RETRY_AFTER_MS = 1000;

export class ModelManager implements ServableDirectory {
  readonly #options: ModelManagerOptions;
  readonly #models: ReadonlyMap<string, ModelConfig>;
  /** By model name; versions highest first. */
  readonly #records = new Map<string, VersionRecord[]>();
  readonly #listeners = new Set<() => void>();
  #isReady = false;

  constructor(options: ModelManagerOptions) {
    this.#options = options;
    this.#models = new Map(options.models.map((model) => [model.name, model]));
    for (const name of this.#models.keys()) this.#records.set(name, []);
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get modelNames(): readonly string[] {
    return [...this.#models.keys()];
  }

  onReadinessChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Servables that are up, for gauges. */
  *servables(): Iterable<Servable> {
    for (const records of this.#records.values()) {
      for (const { servable } of records) if (servable !== undefined) yield servable;
    }
  }

  /** Loads every aspired version of every model, one after another. Rejects with the first failure. */
  async start(): Promise<void> {
    for (const model of this.#models.values()) await this.#bringUp(model);
    this.#isReady = true;
    for (const listener of this.#listeners) listener();
  }

  /** Unloads everything; waits for handles and for what is queued. */
  async close(): Promise<void> {
    this.#isReady = false;
    for (const listener of this.#listeners) listener();
    const unloads: Promise<void>[] = [];
    for (const [name, records] of this.#records) {
      for (const record of records) if (record.servable !== undefined) unloads.push(this.#takeDown(name, record));
    }
    await Promise.all(unloads);
  }

  acquire(name: string, choice: VersionChoice): ServableHandle {
    const records = this.#recordsOf(name);
    if (records.length === 0) throw stillLoading(name);
    const version = choice.label === undefined ? choice.version : this.#versionOfLabel(name, choice.label);
    const record =
      version === undefined
        ? (records.find((r) => r.state === 'AVAILABLE') ?? records[0])
        : records.find((r) => r.version === version);
    if (record === undefined) throw this.#notFound(name, version);
    if (record.state === 'AVAILABLE') return record.servable!.borrow();
    if (record.state === 'END' || record.state === 'UNLOADING')
      throw this.#notFound(name, record.version, record.error);
    throw stillLoading(name);
  }

  status(name: string, choice: VersionChoice): readonly VersionStatus[] {
    const records = this.#recordsOf(name);
    if (choice.version === undefined) return records;
    const record = records.find((r) => r.version === choice.version);
    if (record === undefined) throw this.#notFound(name, choice.version);
    return [record];
  }

  async #bringUp(model: ModelConfig): Promise<void> {
    const basePath = resolve(model.basePath);
    const found = await findVersions(model.name, basePath);
    const aspired = aspiredVersions(model.versionPolicy, [...found.keys()]);
    if (aspired.length === 0) throw noVersions(model, basePath, [...found.keys()]);
    const records = aspired.map((version) => new VersionRecord(version));
    this.#records.set(model.name, records);
    for (const record of records) await this.#loadVersion(model, record, found.get(record.version)!);
    for (const [label, version] of model.versionLabels) {
      if (!aspired.includes(version)) {
        throw new ServingError(
          'load_failed',
          `model "${model.name}": label "${label}" names version ${version}, which is not served`,
        );
      }
    }
  }

  async #loadVersion(model: ModelConfig, record: VersionRecord, directory: string): Promise<void> {
    this.#move(model.name, record, 'LOADING');
    try {
      record.servable = await this.#options.load(model, record.version, directory);
    } catch (thrown) {
      record.error = toServingError(thrown);
      this.#move(model.name, record, 'END');
      throw record.error;
    }
    this.#move(model.name, record, 'AVAILABLE');
  }

  async #takeDown(name: string, record: VersionRecord): Promise<void> {
    const servable = record.servable!;
    this.#move(name, record, 'UNLOADING');
    record.servable = undefined;
    await servable.unload();
    this.#move(name, record, 'END');
  }

  #move(name: string, record: VersionRecord, state: VersionStatus['state']): void {
    record.moveTo(state);
    this.#options.onTransition?.(name, record);
  }

  #recordsOf(name: string): readonly VersionRecord[] {
    const records = this.#records.get(name);
    if (records !== undefined && this.#models.has(name)) return records;
    throw new ServingError(
      'model_not_found',
      `no model ${JSON.stringify(name.slice(0, 120))} is served here; served: ${this.modelNames.join(', ')}`,
    );
  }

  #versionOfLabel(name: string, label: string): bigint {
    const labels = this.#models.get(name)!.versionLabels;
    const version = labels.get(label);
    if (version !== undefined) return version;
    const known = labels.size === 0 ? 'it has no labels' : `its labels: ${[...labels.keys()].join(', ')}`;
    throw new ServingError(
      'label_not_found',
      `model "${name}" has no version label ${JSON.stringify(label.slice(0, 120))}; ${known}`,
    );
  }

  #notFound(name: string, version: bigint | undefined, cause?: ServingError): ServingError {
    const available = this.#recordsOf(name).filter((r) => r.state === 'AVAILABLE');
    const list =
      available.length === 0 ? 'none is available' : `available: ${available.map((r) => r.version).join(', ')}`;
    const why = cause === undefined ? '' : ` (it failed to load: ${cause.message})`;
    const what = version === undefined ? 'has no version' : `has no version ${version}`;
    return new ServingError('model_not_found', `model "${name}" ${what}${why}; ${list}`);
  }
}

function stillLoading(name: string): ServingError {
  return new ServingError('model_not_ready', `model "${name}" is still loading; try again`, {
    retryAfterMs: LOADING_RETRY_AFTER_MS,
  });
}

function noVersions(model: ModelConfig, basePath: string, found: readonly bigint[]): ServingError {
  const what =
    found.length === 0
      ? `${basePath} holds no numbered version directory; put the model into ${basePath}/1`
      : `${basePath} holds versions ${found.join(', ')}, none of which the version policy asks for`;
  return new ServingError('load_failed', `model "${model.name}": ${what}`);
}
