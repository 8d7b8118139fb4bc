/**
 * Manages all configured models: loads them, finds them for requests, replaces their list and unloads them. Models do
 * not wait for one another (model-lifecycle.ts), except for a free load thread.
 *
 * Ready means that all versions of every model of the start's list were available once, or that a model has failed and
 * others are served. It stays true, whatever is loaded later.
 */
import PQueue from 'p-queue';
import type { ModelConfig } from '../../config/model-config.ts';
import { ServingError } from '../../core/errors.ts';
import type { Servable, ServableHandle, VersionLoad, VersionStatus } from '../serving/servable.ts';
import type { ModelReloader, ReloadOptions, ServableDirectory } from '../serving/servable-directory.ts';
import type { StepTable } from '../serving/steps.ts';
import type { VersionChoice } from '../versions/version-choice.ts';
import { allButFailed } from './first-ready.ts';
import { type LifecycleSettings, lifecycleSettings, type ModelManagerOptions } from './manager-settings.ts';
import { ModelLifecycle } from './model-lifecycle.ts';
import { statusesOf, unknownModel } from './refusals.ts';
import { checkReload } from './reload-check.ts';
import { RemovedModels } from './removed-models.ts';

export class ModelManager implements ServableDirectory, ModelReloader {
  readonly #settings: LifecycleSettings;
  readonly #loads: PQueue;
  readonly #loadThreads: number;
  /** The models by name, in the order of the configuration. */
  #lifecycles: ReadonlyMap<string, ModelLifecycle>;
  /** The models of the start's configuration. */
  readonly #startLifecycles: readonly ModelLifecycle[];
  /** Models that are no longer configured and still unload. */
  readonly #retiring = new Set<Promise<void>>();
  readonly #removed = new RemovedModels();
  readonly #listeners = new Set<() => void>();
  readonly #exitOnLoadFailure: boolean;
  readonly #isOneByOne: boolean;
  readonly #namesModels: boolean;
  #isReady = false;
  #isClosed = false;
  /** The reload in progress, and those that wait for it. */
  #reloading: Promise<void> = Promise.resolve();

  constructor(options: ModelManagerOptions) {
    const { loadThreads = 1, startLoadThreads = loadThreads } = options;
    this.#loadThreads = loadThreads;
    this.#exitOnLoadFailure = options.exitOnLoadFailure ?? false;
    this.#isOneByOne = options.isOneByOne ?? false;
    this.#namesModels = options.namesModels ?? true;
    this.#loads = new PQueue({ concurrency: startLoadThreads });
    this.#settings = lifecycleSettings(options, this.#loads);
    const rule = this.#isOneByOne ? 'one-by-one' : 'start';
    this.#startLifecycles = options.models.map((model) => new ModelLifecycle(model, rule, this.#settings));
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

  /** All available servables. */
  *servables(): Iterable<Servable> {
    for (const lifecycle of this.#lifecycles.values()) yield* lifecycle.lookup.servables;
  }

  /** The reason for each model that the start waits for: `model "m": base path /m does not exist; …`. */
  waitsFor(): readonly string[] {
    const late = this.#startLifecycles.filter(({ first }) => !first.isReady);
    return late.map((lifecycle) => `model "${lifecycle.name}": ${lifecycle.lookup.waitsFor()}`);
  }

  /**
   * Begins to poll the base paths and to load versions. Resolves when all versions of every model were available, which
   * may take until they are put there; or when the manager is closed before, with isReady false. A version that was on
   * disk at the start and cannot be loaded fails its model. Rejects if every model has failed, or with
   * `exitOnLoadFailure` if one has; the caller must close the manager then. Of others, `waitsFor` still tells what
   * failed.
   */
  async start(): Promise<void> {
    this.#settings.events.onListed(this.#startLifecycles.map(({ config }) => config));
    for (const lifecycle of this.#startLifecycles) lifecycle.start();
    const firsts = this.#startLifecycles.map(({ first }) => first.promise);
    if (this.#exitOnLoadFailure) await Promise.all(firsts);
    else if (this.#isOneByOne) await Promise.allSettled(firsts);
    else await allButFailed(firsts);
    this.#loads.concurrency = this.#loadThreads;
    if (!this.#isClosed) this.#setReady(true);
  }

  /** Stops polls, aborts loads and unloads everything; waits for borrowed handles. A second call does nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#setReady(false);
    await Promise.all([...this.#lifecycles.values()].map((lifecycle) => lifecycle.retire()));
    await Promise.all(this.#retiring);
  }

  acquire(name: string, choice: VersionChoice): ServableHandle {
    const lifecycle = this.#lifecycles.get(name);
    if (lifecycle === undefined) throw unknownModel(name, this.#namesModels ? this.#lifecycles.keys() : undefined);
    return lifecycle.lookup.acquire(choice);
  }

  find(name: string, choice: VersionChoice): Servable | undefined {
    return this.#lifecycles.get(name)?.lookup.find(choice);
  }

  /** The values that features report about the model, in the order in which they were installed. */
  reportOf(name: string): Readonly<Record<string, unknown>> {
    return Object.fromEntries([...this.#settings.features.reports].map(([key, read]) => [key, read(name)]));
  }

  /** The same of a version that can answer. */
  versionReportOf(servable: Servable): Readonly<Record<string, unknown>> {
    return Object.fromEntries([...this.#settings.features.versionReports].map(([key, read]) => [key, read(servable)]));
  }

  sequencesOf(name: string): StepTable | undefined {
    return this.#lifecycles.has(name) ? this.#settings.features.sequencesOf?.(name) : undefined;
  }

  status(name: string, { version }: VersionChoice): readonly VersionStatus[] {
    const removed = this.#lifecycles.has(name) ? [] : this.#removed.statusesOf(name);
    return removed.length > 0 ? statusesOf(name, version, removed) : this.#lifecycleOf(name).lookup.status(version);
  }

  /** Undefined if no model of this name is configured. */
  configOf(name: string): ModelConfig | undefined {
    return this.#lifecycles.get(name)?.config;
  }

  /** The states of all versions that status shows, as a text for comparing: `3 AVAILABLE, 2 END`. */
  versionStates(name: string): string {
    return this.#lifecycles.get(name)?.lookup.versionStates ?? '';
  }

  /** The versions that the last poll found on disk and that have no active record, highest first. */
  onDisk(name: string): readonly bigint[] {
    return this.#lifecycles.get(name)?.lookup.onDisk ?? [];
  }

  /** The version's load that is in progress or waits for a retry. */
  loadOf(name: string, version: bigint): VersionLoad | undefined {
    return this.#lifecycles.get(name)?.lookup.loading(version);
  }

  /** True if the version is wanted by an operator and not by the version policy. */
  isLoadedByOperator(name: string, version: bigint): boolean {
    return this.#lifecycles.get(name)?.wanted.isLoadedByOperator(version) ?? false;
  }

  /** True if an operator has unloaded the version. */
  isUnloadedByOperator(name: string, version: bigint): boolean {
    return this.#lifecycles.get(name)?.wanted.overrides.isUnloaded(version) ?? false;
  }

  /**
   * An operator's action on one version: reload it, unload it until it is loaded again, or load it whatever the policy
   * says. Resolves when the action is accepted; status shows its progress. Rejects with ServingError:
   * `model_not_found`, `load_failed`, `insufficient_memory`, `model_not_ready`, `draining`.
   */
  async operate(name: string, version: bigint, action: 'reload' | 'unload' | 'load'): Promise<void> {
    this.#checkOpen();
    await this.#lifecycleOf(name)[action](version);
  }

  /** Serves `next` in the place of a servable of the same version; false if that is not served any more. */
  replaceServable(served: Servable, next: Servable): boolean {
    return this.#lifecycles.get(served.name)?.replace(served, next) ?? false;
  }

  reload(models: readonly ModelConfig[], { keepsPlatforms = false }: ReloadOptions = {}): Promise<void> {
    const turn = this.#reloading.then(() => this.#reload(models, keepsPlatforms));
    this.#reloading = turn.catch(() => undefined);
    return turn;
  }

  async #reload(models: readonly ModelConfig[], keepsPlatforms: boolean): Promise<void> {
    this.#checkOpen();
    const { files, checkBackend, allowUnavailableLabels } = this.#settings;
    const served = (name: string) => this.#lifecycles.get(name);
    await checkReload(models, { served, files, checkBackend, keepsPlatforms, allowUnavailableLabels });
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
    for (const lifecycle of newcomers) {
      this.#removed.forget(lifecycle.name);
      lifecycle.start();
    }
    await Promise.all(newcomers.map(({ first }) => first.promise));
  }

  /**
   * Adds one model, or applies another configuration of it; the others stay. Resolves when its versions are available.
   * Rejects like `reload`; a model that cannot be loaded is in the list all the same.
   */
  async put(model: ModelConfig): Promise<void> {
    this.#checkOpen();
    const { files, checkBackend, allowUnavailableLabels } = this.#settings;
    const served = (name: string) => this.#lifecycles.get(name);
    await checkReload([model], { served, files, checkBackend, keepsPlatforms: false, allowUnavailableLabels });
    this.#checkOpen();
    const known = this.#lifecycles.get(model.name);
    if (known !== undefined) {
      await known.findChanges();
      const ready = known.again(model);
      this.#listed();
      return ready;
    }
    const lifecycle = new ModelLifecycle(model, 'load', this.#settings);
    this.#lifecycles = new Map([...this.#lifecycles, [lifecycle.name, lifecycle]]);
    this.#listed();
    this.#removed.forget(lifecycle.name);
    lifecycle.start();
    return lifecycle.first.promise;
  }

  /** Unloads one model, which is in the list no more. False if it is not. Requests that have it go on. */
  remove(name: string): boolean {
    this.#checkOpen();
    const lifecycle = this.#lifecycles.get(name);
    if (lifecycle === undefined) return false;
    this.#lifecycles = new Map([...this.#lifecycles].filter(([other]) => other !== name));
    this.#listed();
    this.#retire(lifecycle);
    return true;
  }

  /** The statuses as `status` has them, and empty for a model without a version, or that nobody knows. */
  statusesOf(name: string): readonly VersionStatus[] {
    return this.#lifecycles.get(name)?.lookup.statuses ?? this.#removed.statusesOf(name);
  }

  /** Why a configured model has no version; undefined if it is not configured. */
  reasonOf(name: string): string | undefined {
    return this.#lifecycles.get(name)?.lookup.waitsFor();
  }

  /** Each model has an available version. */
  get areAllAvailable(): boolean {
    return [...this.#lifecycles.values()].every((lifecycle) => lifecycle.lookup.find({}) !== undefined);
  }

  #listed(): void {
    this.#settings.events.onListed([...this.#lifecycles.values()].map(({ config }) => config));
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ServingError('draining', 'the server is shutting down; its models stay as they are');
  }

  #retire(lifecycle: ModelLifecycle): void {
    const retiring = lifecycle.retire().finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
    this.#removed.add(lifecycle.lookup, retiring);
  }

  #lifecycleOf(name: string): ModelLifecycle {
    const lifecycle = this.#lifecycles.get(name);
    if (lifecycle === undefined) throw unknownModel(name, this.#namesModels ? this.#lifecycles.keys() : undefined);
    return lifecycle;
  }

  #setReady(isReady: boolean): void {
    if (this.#isReady === isReady) return;
    this.#isReady = isReady;
    for (const listener of this.#listeners) listener();
  }
}
