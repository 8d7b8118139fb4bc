/**
 * All configured models: brings them up, finds them for requests, replaces their list, takes them down. Each model lives by
 * itself (model-lifecycle.ts): none waits for another, but for the turns that loads take.
 *
 * Ready means that every model of the start's list has had all of its versions up; it stays so, whatever is loaded later.
 */
import PQueue from 'p-queue';
import type { ModelConfig } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import { type LoadServable, VersionLoader } from '../loading/version-loader.ts';
import type { Servable, ServableHandle, VersionLoad, VersionStatus } from '../serving/servable.ts';
import type { ModelFallbacks, ModelReloader, ServableDirectory } from '../serving/servable-directory.ts';
import type { TransitionPolicy } from '../versions/transition-policy.ts';
import type { VersionChoice } from '../versions/version-choice.ts';
import { diskFiles, type VersionFiles } from '../versions/version-source.ts';
import type { CheckMemory, LifecycleSettings } from './lifecycle-settings.ts';
import { type ModelEvents, NO_EVENTS } from './model-events.ts';
import { ModelLifecycle } from './model-lifecycle.ts';
import { unknownModel } from './refusals.ts';
import { checkReload } from './reload-check.ts';

export type { LoadServable } from '../loading/version-loader.ts';

/** The options of TensorFlow Serving by the same names; config/serve-options.ts has what they mean. */
export interface ModelManagerOptions {
  readonly models: readonly ModelConfig[];
  readonly load: LoadServable;
  /** Asked before a load that an operator wants. Default: everything fits. */
  readonly checkMemory?: CheckMemory;
  readonly clock: Clock;
  readonly events?: ModelEvents;
  readonly files?: VersionFiles;
  /** Default 1000; 0 = look once, negative = never. */
  readonly pollIntervalMs?: number;
  readonly transitionPolicy?: TransitionPolicy;
  /** Loads at once, after the start and while it lasts. */
  readonly loadThreads?: number;
  readonly startLoadThreads?: number;
  /** Unloads at once; most of an unload is waiting for requests. */
  readonly unloadThreads?: number;
  readonly maxLoadRetries?: number;
  readonly loadRetryIntervalMs?: number;
  readonly allowUnavailableLabels?: boolean;
}

export class ModelManager implements ServableDirectory, ModelReloader {
  readonly #settings: LifecycleSettings;
  readonly #loads: PQueue;
  readonly #loadThreads: number;
  /** In the order of the configuration. */
  #lifecycles: ReadonlyMap<string, ModelLifecycle>;
  /** Of the start's configuration. */
  readonly #startLifecycles: readonly ModelLifecycle[];
  /** No longer configured, and not yet at their end. */
  readonly #leaving = new Set<Promise<void>>();
  readonly #listeners = new Set<() => void>();
  #isReady = false;
  #isClosed = false;
  /** The reload in progress, and those that wait for it. */
  #reloading: Promise<void> = Promise.resolve();

  constructor(options: ModelManagerOptions) {
    const { clock, loadThreads = 1, startLoadThreads = loadThreads, unloadThreads = Infinity } = options;
    this.#loadThreads = loadThreads;
    this.#loads = new PQueue({ concurrency: startLoadThreads });
    this.#settings = {
      clock,
      files: options.files ?? diskFiles,
      events: options.events ?? NO_EVENTS,
      transitionPolicy: options.transitionPolicy ?? 'availability',
      pollIntervalMs: options.pollIntervalMs ?? 1000,
      allowUnavailableLabels: options.allowUnavailableLabels ?? false,
      checkMemory: options.checkMemory ?? (() => Promise.resolve()),
      unloads: new PQueue({ concurrency: unloadThreads }),
      loader: new VersionLoader({
        load: options.load,
        clock,
        turns: this.#loads,
        maxRetries: options.maxLoadRetries ?? 5,
        retryIntervalMs: options.loadRetryIntervalMs ?? 60_000,
      }),
    };
    this.#startLifecycles = options.models.map((model) => new ModelLifecycle(model, 'start', this.#settings));
    this.#lifecycles = new Map(this.#startLifecycles.map((lifecycle) => [lifecycle.name, lifecycle]));
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get modelNames(): readonly string[] {
    return [...this.#lifecycles.keys()];
  }

  onReadinessChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Servables that are up, for gauges. */
  *servables(): Iterable<Servable> {
    for (const lifecycle of this.#lifecycles.values()) yield* lifecycle.servables;
  }

  /** For each model that the start waits for, the reason: `model "m": base path /m does not exist; …`. */
  waitsFor(): readonly string[] {
    const late = this.#startLifecycles.filter(({ first }) => !first.isReady);
    return late.map((lifecycle) => `model "${lifecycle.name}": ${lifecycle.waitsFor()}`);
  }

  /**
   * Loads what the base paths hold, and goes on looking. Resolves when every model has had all of its versions up, which
   * may take until they are put there; or when closed before, with isReady false. Rejects with the first version that
   * cannot be loaded of those that were there at the start; the caller closes then.
   */
  async start(): Promise<void> {
    this.#settings.events.onListed(this.#startLifecycles.map(({ config }) => config));
    for (const lifecycle of this.#startLifecycles) lifecycle.start();
    await Promise.all(this.#startLifecycles.map(({ first }) => first.promise));
    this.#loads.concurrency = this.#loadThreads;
    if (!this.#isClosed) this.#setReady(true);
  }

  /** Ends every poll, gives up loads, unloads everything; waits for handles and for what is queued. Twice is once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#setReady(false);
    await Promise.all([...this.#lifecycles.values()].map((lifecycle) => lifecycle.retire()));
    await Promise.all(this.#leaving);
  }

  acquire(name: string, choice: VersionChoice): ServableHandle {
    const lifecycle = this.#lifecycles.get(name);
    if (lifecycle === undefined) throw unknownModel(name, this.#lifecycles.keys());
    return lifecycle.acquire(choice);
  }

  fallbacks(name: string): ModelFallbacks | undefined {
    const config = this.#lifecycles.get(name)?.config;
    return config?.fallback === undefined && config?.degradeTo === undefined ? undefined : config;
  }

  status(name: string, choice: VersionChoice): readonly VersionStatus[] {
    const lifecycle = this.#lifecycles.get(name);
    if (lifecycle === undefined) throw unknownModel(name, this.#lifecycles.keys());
    return lifecycle.status(choice.version);
  }

  /** Undefined for a name that is not configured. */
  configOf(name: string): ModelConfig | undefined {
    return this.#lifecycles.get(name)?.config;
  }

  /** Of every version that status shows, for comparing: `3 AVAILABLE, 2 END`. */
  versionStates(name: string): string {
    return this.#lifecycles.get(name)?.versionStates ?? '';
  }

  /** Versions that the last look found on disk and that are not up, highest first. */
  onDisk(name: string): readonly bigint[] {
    return this.#lifecycles.get(name)?.onDisk ?? [];
  }

  /** The load of a version that is under way, or waits to be tried again. */
  loadOf(name: string, version: bigint): VersionLoad | undefined {
    return this.#lifecycles.get(name)?.rising(version);
  }

  /** Is it wanted by an operator alone, beside the policy? */
  isBroughtIn(name: string, version: bigint): boolean {
    return this.#lifecycles.get(name)?.wanted.isBroughtIn(version) ?? false;
  }

  /** Did an operator unload it? */
  isLeftOut(name: string, version: bigint): boolean {
    return this.#lifecycles.get(name)?.wanted.overrides.isLeftOut(version) ?? false;
  }

  /**
   * An operator's word on one version: load it anew, leave it out until it is brought in again, bring it in whatever the
   * policy says. Resolves when it is in force; what follows takes its time, and status tells. Rejects with ServingError:
   * `model_not_found`, `load_failed`, `insufficient_memory`, `model_not_ready`, `draining`.
   */
  async tell(name: string, version: bigint, wish: 'renew' | 'leaveOut' | 'bringIn'): Promise<void> {
    this.#checkOpen();
    const lifecycle = this.#lifecycles.get(name);
    if (lifecycle === undefined) throw unknownModel(name, this.#lifecycles.keys());
    await lifecycle[wish](version);
  }

  reload(models: readonly ModelConfig[]): Promise<void> {
    const turn = this.#reloading.then(() => this.#reload(models));
    this.#reloading = turn.catch(() => undefined);
    return turn;
  }

  async #reload(models: readonly ModelConfig[]): Promise<void> {
    this.#checkOpen();
    const { files, allowUnavailableLabels } = this.#settings;
    await checkReload(models, { served: (name) => this.#lifecycles.get(name), files, allowUnavailableLabels });
    this.#checkOpen();
    const before = this.#lifecycles;
    const lifecycles = models.map((model) => {
      const known = before.get(model.name);
      if (known === undefined) return new ModelLifecycle(model, 'reload', this.#settings);
      known.reconfigure(model);
      return known;
    });
    this.#lifecycles = new Map(lifecycles.map((lifecycle) => [lifecycle.name, lifecycle]));
    this.#settings.events.onListed(models);
    for (const lifecycle of before.values()) if (!this.#lifecycles.has(lifecycle.name)) this.#retire(lifecycle);
    const newcomers = lifecycles.filter(({ name }) => !before.has(name));
    for (const lifecycle of newcomers) lifecycle.start();
    await Promise.all(newcomers.map(({ first }) => first.promise));
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ServingError('draining', 'the server is shutting down; its models stay as they are');
  }

  #retire(lifecycle: ModelLifecycle): void {
    const leaving = lifecycle.retire().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  #setReady(isReady: boolean): void {
    if (this.#isReady === isReady) return;
    this.#isReady = isReady;
    for (const listener of this.#listeners) listener();
  }
}
