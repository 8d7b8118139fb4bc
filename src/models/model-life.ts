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
import type { ModelConfig } from '../config/model-config.ts';
import { type ServingError, toServingError } from '../core/errors.ts';
import { isMoved, needsNewLoad } from './config-change.ts';
import { FirstReady, type FirstReadyRule } from './first-ready.ts';
import type { LifeSettings } from './life-settings.ts';
import { OperatorWishes } from './operator-wishes.ts';
import { Poller } from './poller.ts';
import { leftOut, noSuchVersion, noVersionsYet, stillLoading, unknownLabel } from './refusals.ts';
import type { Servable, ServableHandle, VersionStatus } from './servable.ts';
import type { VersionChoice } from './servable-directory.ts';
import { VersionLives } from './version-lives.ts';
import type { VersionRecord } from './version-record.ts';
import type { VersionTable } from './version-table.ts';
import { nextAction } from './version-transitions.ts';
import { type FoundVersion, type Look, VersionWatch } from './version-watch.ts';

export class ModelLife {
  readonly name: string;
  readonly first: FirstReady;
  readonly #settings: LifeSettings;
  readonly #lives: VersionLives;
  readonly #table: VersionTable;
  readonly #poller: Poller;
  #watch: VersionWatch;
  #config: ModelConfig;
  /** Counts configurations that need their versions loaded anew. */
  #generation = 0;
  #aspired: readonly FoundVersion[] = [];
  /** False while `#aspired` is of another base path than the configured one. */
  #isAspiredKnown = true;
  /** Versions that failed, and the files with which they did. */
  readonly #givenUp = new Map<bigint, { readonly fingerprint: string; readonly error: ServingError }>();
  readonly #wishes = new OperatorWishes();
  #hindrance: string | undefined;
  #isRetired = false;

  constructor(config: ModelConfig, rule: FirstReadyRule, settings: LifeSettings) {
    this.name = config.name;
    this.#config = config;
    this.#settings = settings;
    this.first = new FirstReady(rule);
    this.#lives = new VersionLives({
      name: config.name,
      settings,
      onFailed: (record, error) => this.#onFailed(record, error),
      onRetry: (error) => this.first.stumbled(error),
      onChange: () => this.#step(),
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
    this.#givenUp.clear();
    if (needsNewLoad(before, config)) this.#generation += 1;
    if (isMoved(before, config)) {
      this.#watch = new VersionWatch(this.#settings.files, this.#settings.clock);
      this.#isAspiredKnown = false;
    }
    void this.#poller.now();
  }

  /**
   * Loads a version anew, beside its present life if the transition policy allows; tries one again that has failed, and
   * looks at the base path. Throws ServingError `model_not_found` if there is no such version.
   */
  renew(version: bigint): void {
    this.#checkKnown(version);
    for (const record of this.#table.living) {
      if (record.version === version && record.state === 'AVAILABLE') this.#wishes.renew(record);
    }
    this.#givenUp.delete(version);
    this.#step();
    void this.#poller.now();
  }

  /** Unloads a version and keeps it out until `takeBack`; nothing takes its place. Throws like `renew`. */
  leaveOut(version: bigint): void {
    this.#checkKnown(version);
    this.#wishes.leaveOut(version);
    this.#step();
  }

  /** A version that was left out is wanted again. Throws like `renew`. */
  takeBack(version: bigint): void {
    this.#checkKnown(version);
    this.#wishes.takeBack(version);
    this.#givenUp.delete(version);
    this.#step();
  }

  /** `3 AVAILABLE, 2 END` */
  get versionStates(): string {
    const statuses = this.#table.statuses();
    return statuses.map((s) => `${s.version} ${s.state}${this.isLeftOut(s.version) ? ' left out' : ''}`).join(', ');
  }

  isLeftOut(version: bigint): boolean {
    return this.#wishes.isLeftOut(version);
  }

  /** Nothing is wanted any more. Resolves when every version has ended. Twice is once. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    this.#aspired = [];
    this.#isAspiredKnown = true;
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
    const failed = this.#aspired.find(({ version }) => this.#hasGivenUp(version));
    if (failed !== undefined) {
      return `version ${failed.version} failed to load: ${this.#givenUp.get(failed.version)!.error.message}`;
    }
    if (this.#hindrance !== undefined) return this.#hindrance;
    if (this.#settings.pollIntervalMs < 0) return 'its base path is not looked at: the poll is off';
    return 'its base path has not been looked at yet';
  }

  #chosen({ version, label }: VersionChoice): Servable | undefined {
    const wanted = label === undefined ? version! : this.#config.versionLabels.get(label);
    return wanted === undefined ? undefined : this.#table.available(wanted);
  }

  #refusal({ version: number, label }: VersionChoice): ServingError {
    const labels = this.#config.versionLabels;
    if (label !== undefined && !labels.has(label)) return unknownLabel(this.name, label, labels);
    const version = label === undefined ? number : labels.get(label);
    const statuses = this.#table.statuses();
    const asked = version === undefined ? statuses : statuses.filter((status) => status.version === version);
    if (asked.some(({ state }) => state === 'START' || state === 'LOADING')) {
      return stillLoading(this.name, this.#table.living.some((r) => r.lastFailure) ? this.waitsFor() : undefined);
    }
    if (version !== undefined && this.#wishes.isLeftOut(version)) return leftOut(this.name, version, statuses);
    // Nothing has come yet, so nobody can say what will not.
    const isWaiting = !this.#isRetired && this.#aspired.length === 0 && asked.length === 0;
    if (isWaiting && this.#table.latest === undefined) return stillLoading(this.name, this.waitsFor());
    return noSuchVersion(this.name, version, statuses);
  }

  /** Returns whether to look again soon. */
  async #look(): Promise<boolean> {
    const config = this.#config;
    const { allowUnavailableLabels, pollIntervalMs } = this.#settings;
    let look: Look | undefined;
    let hindrance: string | undefined;
    try {
      look = await this.#watch.look({
        basePath: resolve(config.basePath),
        policy: config.versionPolicy,
        hasFailed: (version) => this.#givenUp.has(version),
      });
      hindrance = look.nothingBecause;
    } catch (thrown) {
      hindrance = toServingError(thrown).message;
    }
    if (this.#isRetired || config !== this.#config) return true;
    if (look?.aspired !== undefined) this.#aspire(look.aspired);
    const isChanging = look?.isChanging === true;
    const isFinal = pollIntervalMs === 0 && hindrance !== undefined && !isChanging;
    if (isFinal) hindrance += ' (it is not looked at again: --file_system_poll_wait_seconds is 0)';
    this.#hinder(hindrance, isChanging);
    this.first.looked({ config, look, hindrance, allowUnavailableLabels });
    this.#step();
    return isChanging;
  }

  #aspire(aspired: readonly FoundVersion[]): void {
    this.#aspired = aspired;
    this.#isAspiredKnown = true;
    for (const version of this.#givenUp.keys()) {
      if (!aspired.some((found) => found.version === version)) this.#givenUp.delete(version);
    }
  }

  #hinder(hindrance: string | undefined, isPassing: boolean): void {
    if (hindrance === this.#hindrance) return;
    this.#hindrance = hindrance;
    this.#settings.events.onHindrance(this.name, hindrance, isPassing);
  }

  #step(): void {
    while (this.#isAspiredKnown) {
      const aspired = this.#wanted.map(({ version }) => version);
      const givenUp = new Set(aspired.filter((version) => this.#hasGivenUp(version)));
      const living = this.#table.living.map((record) => {
        return { record, version: record.version, state: record.state, isCurrent: this.#isCurrent(record) };
      });
      const action = nextAction(living, { aspired, givenUp }, this.#settings.transitionPolicy);
      if (action === undefined) break;
      if (action.kind === 'unload') this.#lives.takeDown(action.record.record);
      else {
        this.#givenUp.delete(action.version);
        const found = this.#aspired.find(({ version }) => version === action.version)!;
        this.#lives.bringUp(found, this.#config, this.#generation);
      }
    }
    const isUp = ({ version }: FoundVersion): boolean =>
      this.#table.living.some((r) => r.version === version && r.state === 'AVAILABLE' && this.#isCurrent(r));
    const wanted = this.#wanted;
    if (wanted.length > 0 && this.#isAspiredKnown && wanted.every(isUp)) this.first.ready();
  }

  /** What should be up, operators heard. */
  get #wanted(): readonly FoundVersion[] {
    return this.#aspired.filter(({ version }) => !this.#wishes.isLeftOut(version));
  }

  #checkKnown(version: bigint): void {
    const statuses = this.#table.statuses();
    const isKnown = [...this.#aspired, ...statuses].some((each) => each.version === version);
    if (!isKnown) throw noSuchVersion(this.name, version, statuses);
  }

  #isCurrent(record: VersionRecord): boolean {
    return record.generation === this.#generation && !this.#wishes.isOutdated(record);
  }

  #hasGivenUp(version: bigint): boolean {
    const found = this.#aspired.find((f) => f.version === version);
    return found !== undefined && this.#givenUp.get(version)?.fingerprint === found.fingerprint;
  }

  /** The record has ended; until its files change or a reload comes, it is not tried again. */
  #onFailed({ found }: VersionRecord, error: ServingError): void {
    this.#givenUp.set(found.version, { fingerprint: found.fingerprint, error });
    this.first.failed(error);
  }
}
