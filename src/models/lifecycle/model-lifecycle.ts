/**
 * One configured model, from the first look at its base path until its last version has ended. docs/life-of-a-model.md
 * draws it.
 *
 *     Poller ──look──▶ VersionWatch ──aspired──▶ nextAction ──load──▶ VersionLoader ──▶ VersionTable ◀── requests
 *                                                    └─────unload──▶ Servable.unload
 *
 * Everything is decided in #step, which is called whenever something has changed and does all there is to do now. What
 * takes time is begun there and comes back to it. A failure of a version is shown by its status, and concerns the versions
 * that serve in no way.
 */
import { resolve } from 'node:path';
import type { ModelConfig } from '../../config/model-config.ts';
import { type ServingError, toServingError } from '../../core/errors.ts';
import { flatText } from '../../core/flat-text.ts';
import type { Servable, ServableHandle, VersionStatus } from '../serving/servable.ts';
import { nextAction } from '../versions/transition-policy.ts';
import type { VersionChoice } from '../versions/version-choice.ts';
import type { VersionRecord } from '../versions/version-record.ts';
import { findVersion } from '../versions/version-source.ts';
import { idleOnDisk, versionStates } from '../versions/version-states.ts';
import type { VersionTable } from '../versions/version-table.ts';
import { VersionTransitions } from '../versions/version-transitions.ts';
import { type FoundVersion, type Look, VersionWatch } from '../versions/version-watch.ts';
import { WantedVersions } from '../versions/wanted-versions.ts';
import { isMoved, needsNewLoad } from './config-change.ts';
import { FirstReady, type FirstReadyRule } from './first-ready.ts';
import type { LifecycleSettings } from './lifecycle-settings.ts';
import { Poller } from './poller.ts';
import { changedMeanwhile, noSuchVersion, noVersionsYet, refusalOf } from './refusals.ts';

export class ModelLifecycle {
  readonly name: string;
  readonly first: FirstReady;
  /** For others to look at; what changes it is said here. */
  readonly wanted = new WantedVersions();
  readonly #settings: LifecycleSettings;
  readonly #lives: VersionTransitions;
  readonly #table: VersionTable;
  readonly #poller: Poller;
  #watch: VersionWatch;
  #config: ModelConfig;
  /** Counts configurations that need their versions loaded anew. */
  #generation = 0;
  #blockedReason: string | undefined;
  #isRetired = false;

  constructor(config: ModelConfig, rule: FirstReadyRule, settings: LifecycleSettings) {
    this.name = flatText(config.name);
    this.#config = config;
    this.#settings = settings;
    this.first = new FirstReady(rule);
    this.#lives = new VersionTransitions({
      name: config.name,
      settings,
      onFailed: (record, error) => this.#onFailed(record, error),
      onRetry: (error) => this.first.stumbled(error),
      onChange: () => this.#step(),
      isBeside: (version) => this.wanted.isBroughtIn(version),
    });
    this.#table = this.#lives.table;
    this.#watch = new VersionWatch(settings.files, settings.clock);
    this.#poller = new Poller({
      clock: settings.clock,
      intervalMs: settings.pollIntervalMs,
      look: () => this.#look(),
    });
  }

  get config(): ModelConfig {
    return this.#config;
  }

  get servables(): Iterable<Servable> {
    return this.#table.servables;
  }

  isAvailable(version: bigint): boolean {
    return this.#table.available(version) !== undefined;
  }

  /** Begins to look for versions. `first` tells what comes of it. */
  start(): void {
    if (this.first.rule === 'start') this.#poller.start();
    else void this.#poller.now();
  }

  /**
   * Another configuration of the same model, in force at once; its base path is looked at now. What it wants loaded otherwise
   * is loaded anew, and what failed is tried again.
   */
  reconfigure(config: ModelConfig): void {
    const before = this.#config;
    this.#config = config;
    this.wanted.failedLoads.forgetAll();
    if (needsNewLoad(before, config)) this.#generation += 1;
    if (isMoved(before, config)) {
      this.#watch = new VersionWatch(this.#settings.files, this.#settings.clock);
      this.wanted.move();
    }
    void this.#poller.now();
  }

  /**
   * Loads a version anew, beside its present life if the transition policy allows; tries one again that has failed, and
   * looks at the base path. Throws ServingError `model_not_found` if there is no such version.
   */
  renew(version: bigint): void {
    this.#checkKnown(version);
    for (const record of this.#upOf(version)) if (record.state === 'AVAILABLE') this.wanted.overrides.renew(record);
    this.wanted.failedLoads.forget(version);
    this.#step();
    void this.#poller.now();
  }

  /**
   * Unloads a version at once and keeps it out until `bringIn`; nothing takes its place. One that is there by `bringIn` alone
   * is as it was before that. Throws like `renew`.
   */
  leaveOut(version: bigint): void {
    this.#checkKnown(version);
    this.wanted.overrides.leaveOut(version, this.wanted.isOfPolicy(version));
    for (const record of this.#upOf(version)) this.#lives.takeDown(record);
    this.#step();
  }

  /**
   * A version is wanted, whatever the policy says, until `leaveOut` or until its directory goes. Rejects with
   * `model_not_found` if there is no such directory, with `load_failed` if it holds nothing, with `insufficient_memory`.
   */
  async bringIn(version: bigint): Promise<void> {
    const config = this.#config;
    if (this.#upOf(version).length === 0) {
      const directory = await findVersion(this.#settings.files, resolve(config.basePath), version);
      await this.#settings.checkMemory(config, version, directory);
    }
    if (this.#isRetired || config !== this.#config) throw changedMeanwhile(this.name);
    this.wanted.overrides.bringIn(version, this.wanted.isOfPolicy(version));
    this.wanted.failedLoads.forget(version);
    this.#step();
    void this.#poller.now();
  }

  /** Of every version that is shown, for comparing. */
  get versionStates(): string {
    return versionStates(this.#table, this.wanted);
  }

  /** The life of the version that is being loaded, which may be hidden from status by one that answers. */
  rising(version: bigint): VersionRecord | undefined {
    return this.#table.rising(version);
  }

  /** Versions that the last look found and that have no life, highest first. */
  get onDisk(): readonly bigint[] {
    return idleOnDisk(this.#table, this.wanted);
  }

  /** Nothing is wanted any more. Resolves when every version has ended. Twice is once. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    this.wanted.retire();
    this.#step();
    this.first.leave();
    this.#poller.close();
    await this.#lives.settled();
  }

  acquire(choice: VersionChoice): ServableHandle {
    const servable =
      choice.version === undefined && choice.label === undefined ? this.#table.latest : this.#chosen(choice);
    if (servable === undefined) throw this.#refusal(choice);
    return servable.borrow();
  }

  status(version: bigint | undefined): readonly VersionStatus[] {
    const statuses = this.#table.statuses();
    if (statuses.length === 0) throw noVersionsYet(this.name, this.waitsFor());
    if (version === undefined) return statuses;
    const found = statuses.filter((status) => status.version === version);
    if (found.length === 0) throw noSuchVersion(this.name, version, statuses);
    return found;
  }

  /** What keeps the model from being ready, for people. */
  waitsFor(): string {
    for (const { version, state, lastFailure } of this.#table.living) {
      const failure = lastFailure === undefined ? '' : `; the last attempt failed: ${lastFailure.message}`;
      if (state === 'START') return `version ${version} waits for its turn to load`;
      if (state === 'LOADING') return `version ${version} is still loading${failure}`;
    }
    for (const found of this.wanted.ofPolicy) {
      const error = this.wanted.failedLoads.errorOf(found);
      if (error !== undefined) return `version ${found.version} failed to load: ${error.message}`;
    }
    if (this.#blockedReason !== undefined) return this.#blockedReason;
    if (this.#settings.pollIntervalMs < 0) return 'its base path is not looked at: the poll is off';
    return 'its base path has not been looked at yet';
  }

  #chosen({ version, label }: VersionChoice): Servable | undefined {
    const wanted = label === undefined ? version! : this.#config.versionLabels.get(label);
    return wanted === undefined ? undefined : this.#table.available(wanted);
  }

  #refusal(choice: VersionChoice): ServingError {
    const { ofPolicy, overrides } = this.wanted;
    return refusalOf(choice, {
      name: this.name,
      labels: this.#config.versionLabels,
      statuses: this.#table.statuses(),
      isLeftOut: (version) => overrides.isLeftOut(version),
      isRetrying: this.#table.living.some((record) => record.lastFailure),
      isWaiting: !this.#isRetired && ofPolicy.length === 0 && this.#table.latest === undefined,
      waitsFor: () => this.waitsFor(),
    });
  }

  /** Returns whether to look again soon. */
  async #look(): Promise<boolean> {
    const config = this.#config;
    const { allowUnavailableLabels, pollIntervalMs } = this.#settings;
    let look: Look | undefined;
    let blockedReason: string | undefined;
    const broughtIn = this.wanted.overrides.broughtIn;
    try {
      look = await this.#watch.look({
        basePath: resolve(config.basePath),
        policy: config.versionPolicy,
        hasFailed: (version) => this.wanted.failedLoads.hasFailed(version),
        isBroughtIn: (version) => broughtIn.includes(version),
      });
      blockedReason = look.nothingBecause;
    } catch (thrown) {
      blockedReason = toServingError(thrown).message;
    }
    if (this.#isRetired || config !== this.#config) return true;
    if (look !== undefined) {
      this.wanted.take(look, broughtIn);
      this.#table.refresh();
    }
    const isChanging = look?.isChanging === true;
    const isFinal = pollIntervalMs === 0 && blockedReason !== undefined && !isChanging;
    if (isFinal) blockedReason += ' (it is not looked at again: --file_system_poll_wait_seconds is 0)';
    this.#block(blockedReason, isChanging);
    this.first.looked({ config, look, blockedReason, allowUnavailableLabels });
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
      const living = this.#table.living.map((record) => {
        return { record, version: record.version, state: record.state, isCurrent: this.#isCurrent(record) };
      });
      const action = nextAction(living, this.wanted.aspiration, this.#settings.transitionPolicy);
      if (action === undefined) break;
      if (action.kind === 'unload') this.#lives.takeDown(action.record.record);
      else {
        this.wanted.failedLoads.forget(action.version);
        const found = this.wanted.all.find(({ version }) => version === action.version)!;
        this.#lives.bringUp(found, this.#config, this.#generation);
      }
    }
    const isUp = ({ version }: FoundVersion): boolean =>
      this.#table.living.some((r) => r.version === version && r.state === 'AVAILABLE' && this.#isCurrent(r));
    const { awaited, isKnown } = this.wanted;
    if (awaited.length > 0 && isKnown && awaited.every(isUp)) this.first.ready();
  }

  /** Its lives that answer, or are going to. */
  #upOf(version: bigint): readonly VersionRecord[] {
    return this.#table.living.filter((record) => record.version === version && record.state !== 'UNLOADING');
  }

  #checkKnown(version: bigint): void {
    const statuses = this.#table.statuses();
    const isKnown = this.wanted.isWanted(version) || statuses.some((each) => each.version === version);
    if (!isKnown) throw noSuchVersion(this.name, version, statuses);
  }

  #isCurrent(record: VersionRecord): boolean {
    return record.generation === this.#generation && !this.wanted.overrides.isOutdated(record);
  }

  /** The record has ended; until its files change or a reload comes, it is not tried again. */
  #onFailed({ found }: VersionRecord, error: ServingError): void {
    this.wanted.failedLoads.add(found, error);
    // What nobody waits for may fail.
    if (!this.wanted.isBroughtIn(found.version)) this.first.failed(error);
  }
}
