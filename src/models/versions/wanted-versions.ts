/**
 * Decides which of one model's versions should be available: from the last poll of the base path, from operators'
 * actions and from failed loads.
 */
import { resolve } from 'node:path';
import type { ModelConfig } from '../../config/model-config.ts';
import type { ServingError } from '../../core/errors.ts';
import { OperatorOverrides } from './operator-overrides.ts';
import type { Aspiration } from './transition-policy.ts';
import type { VersionRecord } from './version-record.ts';
import type { FoundVersion, PollResult, PollTarget } from './version-watch.ts';

/** The outcome for a version that should be available. */
export interface WantedOutcome {
  readonly isUp: boolean;
  /** Why it cannot be loaded with its present files. */
  readonly error: ServingError | undefined;
}

export class WantedVersions {
  readonly overrides = new OperatorOverrides();
  readonly failedLoads = new FailedLoads();
  #ofPolicy: readonly FoundVersion[] = [];
  #byOperator: readonly FoundVersion[] = [];
  #onDisk: readonly bigint[] = [];
  #isKnown = true;
  #generation = 0;
  /** The policy's versions that have failed to load: so far, when the last poll began, and as its outcome knows. */
  #failures = 0;
  #failuresAtPoll = 0;
  #knownFailures = 0;

  /** False from a change of the base path until its first poll. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Counts the configurations that required versions to be loaded again. */
  get generation(): number {
    return this.#generation;
  }

  /** The last poll has found what is wanted in the place of every version that failed. */
  get knowsFailures(): boolean {
    return this.#knownFailures === this.#failures;
  }

  /** The versions that the policy wants, highest first. */
  get ofPolicy(): readonly FoundVersion[] {
    return this.#ofPolicy;
  }

  /** All versions that the last poll found, highest first. */
  get onDisk(): readonly bigint[] {
    return this.#onDisk;
  }

  /** The policy's versions that no operator has unloaded: a model is ready when all of them are available. */
  get required(): readonly FoundVersion[] {
    return this.#ofPolicy.filter(({ version }) => !this.overrides.isUnloaded(version));
  }

  /** The outcomes for the same versions, in their order. */
  outcomes(isUp: (version: bigint) => boolean): readonly WantedOutcome[] {
    return this.required.map((found) => ({ isUp: isUp(found.version), error: this.failedLoads.errorOf(found) }));
  }

  /** All versions that should be available. */
  get all(): readonly FoundVersion[] {
    return [...this.required, ...this.#extra];
  }

  get aspiration(): Aspiration {
    const failed = this.all.filter((found) => this.failedLoads.errorOf(found) !== undefined);
    return { aspired: numbers(this.all), extra: numbers(this.#extra), failedLoads: new Set(numbers(failed)) };
  }

  /** A poll for this configuration begins: returns what it looks for. `polled` gets its outcome, if that still counts. */
  pollTarget({ basePath, versionPolicy, mayBeEmpty = false }: ModelConfig): PollTarget {
    this.#failuresAtPoll = this.#failures;
    return {
      basePath: resolve(basePath),
      policy: versionPolicy,
      hasFailed: (version) => this.failedLoads.hasFailed(version),
      isBroken: (found) => this.failedLoads.errorOf(found) !== undefined,
      mayBeEmpty,
      byOperator: this.overrides.loaded,
    };
  }

  /** True if the policy or an operator wants the version, even if an operator has unloaded it. */
  isWanted(version: bigint): boolean {
    return this.isOfPolicy(version) || this.overrides.isLoaded(version);
  }

  isOfPolicy(version: bigint): boolean {
    return this.#ofPolicy.some((found) => found.version === version);
  }

  /** True if an operator wants the version and the policy does not. */
  isLoadedByOperator(version: bigint): boolean {
    return this.overrides.isLoaded(version) && !this.isOfPolicy(version);
  }

  /** The version was loaded as it is wanted now. */
  isCurrent(record: VersionRecord): boolean {
    return record.generation === this.#generation && !this.overrides.isOutdated(record);
  }

  /** Every version is to be loaded again. */
  loadAllAgain(): void {
    this.#generation += 1;
  }

  /** The version is not loaded again until its files change or a reload comes. Returns whether the policy wanted it. */
  failed(found: FoundVersion, error: ServingError): boolean {
    this.failedLoads.add(found, error);
    if (this.isLoadedByOperator(found.version)) return false;
    this.#failures += 1;
    return true;
  }

  /** @param result undefined = the base path could not be read */
  polled(result: PollResult | undefined): void {
    this.#knownFailures = this.#failuresAtPoll;
    if (result !== undefined) this.#update(result);
  }

  #update({ aspired, byOperator, found, asked }: PollResult): void {
    this.overrides.forgetLoaded(asked.filter((version) => !found.includes(version)));
    this.#onDisk = found;
    this.#byOperator = byOperator;
    if (aspired !== undefined) {
      this.#ofPolicy = aspired;
      this.#isKnown = true;
    }
    this.failedLoads.keepOnly([...this.#ofPolicy, ...byOperator]);
  }

  /** The base path has changed: operators' loads belonged to the previous one. */
  move(): void {
    this.#isKnown = false;
    this.overrides.forgetLoaded(this.overrides.loaded);
    this.#byOperator = [];
    this.#onDisk = [];
  }

  /** No version is wanted any more. */
  retire(): void {
    this.#ofPolicy = [];
    this.#byOperator = [];
    this.#isKnown = true;
  }

  get #extra(): readonly FoundVersion[] {
    return this.#byOperator.filter(({ version }) => this.isLoadedByOperator(version));
  }
}

/**
 * Versions that failed to load, with the fingerprint of their files: they are loaded again only if that has changed.
 */
class FailedLoads {
  readonly #failures = new Map<bigint, { readonly fingerprint: string; readonly error: ServingError }>();

  add({ version, fingerprint }: FoundVersion, error: ServingError): void {
    this.#failures.set(version, { fingerprint, error });
  }

  /** True if the version failed with any files. */
  hasFailed(version: bigint): boolean {
    return this.#failures.has(version);
  }

  /** Why the version failed with these files; undefined if it did not. */
  errorOf({ version, fingerprint }: FoundVersion): ServingError | undefined {
    const failure = this.#failures.get(version);
    return failure?.fingerprint === fingerprint ? failure.error : undefined;
  }

  forget(version: bigint): void {
    this.#failures.delete(version);
  }

  forgetAll(): void {
    this.#failures.clear();
  }

  keepOnly(versions: readonly FoundVersion[]): void {
    for (const version of this.#failures.keys()) {
      if (!versions.some((found) => found.version === version)) this.#failures.delete(version);
    }
  }
}

function numbers(versions: readonly FoundVersion[]): readonly bigint[] {
  return versions.map(({ version }) => version);
}
