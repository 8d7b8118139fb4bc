/**
 * One configured model, from the first poll of its base path until its last version has ended. See
 * docs/why/life-of-a-model.md.
 *
 *     Poller ──poll──▶ VersionWatch ──aspired──▶ nextAction ──load──▶ VersionLoader ──▶ VersionTable ◀── requests
 *                                                    └─────unload──▶ Servable.unload
 *
 * All decisions are made in #step, which is called whenever something has changed. It begins loads and unloads; each
 * calls #step again when it has ended. A version's failure is shown by its status and does not affect versions that
 * serve.
 */
import { resolve } from 'node:path';
import type { ModelConfig } from '../../config/model-config.ts';
import { type ServingError, toServingError } from '../../core/errors.ts';
import { flatText } from '../../core/flat-text.ts';
import { Poller } from '../../core/poller.ts';
import type { Servable } from '../serving/servable.ts';
import { nextAction } from '../versions/transition-policy.ts';
import { mayReplace } from '../versions/version-policy.ts';
import type { VersionRecord } from '../versions/version-record.ts';
import { findVersion } from '../versions/version-source.ts';
import type { VersionTable } from '../versions/version-table.ts';
import { VersionTransitions } from '../versions/version-transitions.ts';
import { type PollResult, VersionWatch } from '../versions/version-watch.ts';
import { WantedVersions } from '../versions/wanted-versions.ts';
import { isMoved, needsNewLoad } from './config-change.ts';
import { FirstReady, type FirstReadyRule } from './first-ready.ts';
import type { LifecycleSettings } from './manager-settings.ts';
import { changedMeanwhile, noSuchVersion } from './refusals.ts';
import { VersionLookup } from './version-lookup.ts';

export class ModelLifecycle {
  readonly name: string;
  #first: FirstReady;
  /** Others may read it; only this class changes it. */
  readonly wanted = new WantedVersions();
  /** The model as callers find it. */
  readonly lookup: VersionLookup;
  readonly #settings: LifecycleSettings;
  readonly #transitions: VersionTransitions;
  readonly #table: VersionTable;
  readonly #poller: Poller;
  #watch: VersionWatch;
  #config: ModelConfig;
  #blockedReason: string | undefined;
  #isFinal = false;
  #isRetired = false;

  constructor(config: ModelConfig, rule: FirstReadyRule, settings: LifecycleSettings) {
    this.name = flatText(config.name);
    this.#config = config;
    this.#settings = settings;
    this.#first = new FirstReady(rule);
    this.#transitions = new VersionTransitions({
      name: config.name,
      settings,
      onFailed: (record, error) => this.#onFailed(record, error),
      onRetry: (error) => this.#first.retrying(error),
      onStuck: (reason) => this.#first.failed(reason),
      onChange: () => this.#step(),
      isExtra: (version) => this.wanted.isLoadedByOperator(version),
    });
    this.#table = this.#transitions.table;
    this.lookup = new VersionLookup(this.name, this.#table, this.wanted, {
      facts: () => ({
        config: this.#config,
        blockedReason: this.#blockedReason,
        isFinal: this.#isFinal,
        isRetired: this.#isRetired,
      }),
      isPolled: settings.pollIntervalMs >= 0,
    });
    this.#watch = new VersionWatch(settings.files, settings.clock);
    this.#poller = new Poller({
      clock: settings.clock,
      intervalMs: settings.pollIntervalMs,
      poll: () => this.#poll(),
    });
  }

  /** The outcome of the start, of the reload that brought the model, or of the last `again`. */
  get first(): FirstReady {
    return this.#first;
  }

  get config(): ModelConfig {
    return this.#config;
  }

  isAvailable(version: bigint): boolean {
    return this.#table.available(version) !== undefined;
  }

  /** Begins to poll for versions. `first` settles with the outcome. */
  start(): void {
    if (this.#first.rule === 'start') this.#poller.start();
    else void this.#poller.now();
  }

  /**
   * Applies another configuration of the same model at once and polls its base path. Versions that the new
   * configuration loads in another way are loaded again, and failed loads are tried again.
   */
  reconfigure(config: ModelConfig): void {
    const before = this.#config;
    this.#config = config;
    this.wanted.failedLoads.forgetAll();
    if (needsNewLoad(before, config)) this.wanted.loadAllAgain();
    if (isMoved(before, config)) {
      this.#watch = new VersionWatch(this.#settings.files, this.#settings.clock);
      this.wanted.move();
    }
    void this.#poller.now();
  }

  /** The same, with an outcome of its own: resolves when the versions of this configuration are available. */
  async again(config: ModelConfig): Promise<void> {
    if (this.#isRetired) throw changedMeanwhile(this.name);
    const before = this.#first;
    const first = new FirstReady('load');
    this.#first = first;
    // The caller that waits for the start waits for what is wanted now.
    const settle = (): void => before.ready();
    first.promise.then(settle, settle);
    this.reconfigure(config);
    await first.promise;
  }

  /** Available versions whose files have changed are to be loaded again. */
  async findChanges(): Promise<void> {
    for (const record of this.#table.active) {
      if (record.state !== 'AVAILABLE') continue;
      const { text } = await this.#settings.files.fingerprint(record.found.directory);
      if (text === record.found.fingerprint) continue;
      this.wanted.overrides.reload(record);
      this.#watch.adopt(record.found, text);
    }
  }

  /**
   * An operator's reload: loads a version again, beside its current record if the transition policy allows; tries a
   * failed version again; polls the base path. Throws ServingError `model_not_found` if there is no such version.
   */
  reload(version: bigint): void {
    this.#checkKnown(version);
    for (const record of this.#runningOf(version)) {
      if (record.state === 'AVAILABLE') this.wanted.overrides.reload(record);
    }
    this.wanted.failedLoads.forget(version);
    this.#step();
    void this.#poller.now();
  }

  /**
   * An operator's unload: unloads a version at once and keeps it unloaded until `load`; nothing takes its place. If the
   * version was wanted because of `load` only, that ends. Throws like `reload`.
   */
  unload(version: bigint): void {
    this.#checkKnown(version);
    this.wanted.overrides.unload(version, this.wanted.isOfPolicy(version));
    for (const record of this.#runningOf(version)) this.#unloadAtOnce(record);
    this.#step();
  }

  /**
   * An operator's load: the version is wanted, whatever the policy says, until `unload` or until its directory is
   * removed. Rejects with `model_not_found` without such a directory, `load_failed` if it is empty, or
   * `insufficient_memory`.
   */
  async load(version: bigint): Promise<void> {
    const config = this.#config;
    if (this.#runningOf(version).length === 0) {
      const directory = await findVersion(this.#settings.files, resolve(config.basePath), version);
      await this.#settings.checkMemory(config, version, directory);
    }
    if (this.#isRetired || config !== this.#config) throw changedMeanwhile(this.name);
    this.wanted.overrides.load(version, this.wanted.isOfPolicy(version));
    this.wanted.failedLoads.forget(version);
    this.#step();
    void this.#poller.now();
  }

  /** Unloads everything. Resolves when every version has ended. A second call does nothing more. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    for (const observer of this.#settings.features.observers) observer.onRetired(this.name);
    this.wanted.retire();
    this.#step();
    this.#first.ready();
    this.#poller.close();
    await this.#transitions.settled();
  }

  /** See VersionTransitions. */
  replace(served: Servable, next: Servable): boolean {
    if (!this.#transitions.replace(served, next)) return false;
    for (const observer of this.#settings.features.observers) observer.onReplaced(served, next);
    return true;
  }

  /** Returns whether to poll again soon. */
  async #poll(): Promise<boolean> {
    const config = this.#config;
    const { allowUnavailableLabels, pollIntervalMs, whyPolledOnce } = this.#settings;
    let result: PollResult | undefined;
    let blockedReason: string | undefined;
    try {
      result = await this.#watch.poll(this.wanted.pollTarget(config));
      blockedReason = result.whyNone;
    } catch (thrown) {
      blockedReason = toServingError(thrown).message;
    }
    if (this.#isRetired || config !== this.#config) return true;
    this.wanted.polled(result);
    this.#table.refresh();
    const isChanging = result?.isChanging === true;
    this.#isFinal = pollIntervalMs === 0 && blockedReason !== undefined && !isChanging;
    if (this.#isFinal) blockedReason += ` (it is not looked at again: ${whyPolledOnce})`;
    this.#block(blockedReason, isChanging);
    this.#first.polled({ config, result, blockedReason, allowUnavailableLabels });
    this.#step();
    return isChanging;
  }

  #block(blockedReason: string | undefined, isPassing: boolean): void {
    if (blockedReason === this.#blockedReason) return;
    this.#blockedReason = blockedReason;
    this.#settings.events.onBlocked(this.name, blockedReason, isPassing);
  }

  #step(): void {
    while (this.wanted.isKnown) {
      const active = this.#table.active.map((record) => {
        return { record, version: record.version, state: record.state, isCurrent: this.wanted.isCurrent(record) };
      });
      const action = nextAction(active, this.wanted.aspiration, this.#settings.transitionPolicy);
      if (action === undefined) break;
      if (action.kind === 'unload') this.#unloadFor(action.record.record);
      else {
        this.wanted.failedLoads.forget(action.version);
        const found = this.wanted.all.find(({ version }) => version === action.version)!;
        this.#transitions.beginLoad(found, this.#config, this.wanted.generation);
      }
    }
    if (!this.wanted.isKnown) return;
    const outcomes = this.wanted.outcomes((version) => this.#isUp(version));
    this.#first.judge(outcomes, mayReplace(this.#config.versionPolicy) && this.wanted.knowsFailures);
  }

  /** Something else is to be served. With `resource` the version must make room first. */
  #unloadFor(record: VersionRecord): void {
    if (this.#settings.transitionPolicy === 'resource') this.#unloadAtOnce(record);
    else this.#transitions.beginUnload(record);
  }

  /** Unloads the version, and lets nothing go on that waits for it. */
  #unloadAtOnce(record: VersionRecord): void {
    const { servable } = record;
    this.#transitions.beginUnload(record);
    if (servable === undefined) return;
    for (const observer of this.#settings.features.observers) observer.onUnloadedAtOnce(servable);
  }

  /** The version's records that are available or will be. */
  #runningOf(version: bigint): readonly VersionRecord[] {
    return this.#table.active.filter((record) => record.version === version && record.state !== 'UNLOADING');
  }

  #checkKnown(version: bigint): void {
    const statuses = this.#table.statuses();
    const isKnown = this.wanted.isWanted(version) || statuses.some((each) => each.version === version);
    if (!isKnown) throw noSuchVersion(this.name, version, statuses);
  }

  /** True if the version is available as it is wanted now. */
  #isUp(version: bigint): boolean {
    return this.#table.active.some((r) => r.version === version && r.state === 'AVAILABLE' && this.wanted.isCurrent(r));
  }

  #onFailed({ found }: VersionRecord, error: ServingError): void {
    // Readiness depends on the policy's versions only.
    if (!this.wanted.failed(found, error)) return;
    this.#first.versionFailed(error, mayReplace(this.#config.versionPolicy));
    void this.#poller.now();
  }
}
