/**
 * Which of one model's versions should be up: those of its version policy, what operators say of them, and those that failed
 * and are not to be tried again. Told of each look at the base path.
 */
import { FailedLoads } from './failed-loads.ts';
import { OperatorOverrides } from './operator-overrides.ts';
import type { Aspiration } from './transition-policy.ts';
import type { FoundVersion, Look } from './version-watch.ts';

export class WantedVersions {
  readonly overrides = new OperatorOverrides();
  readonly failedLoads = new FailedLoads();
  #ofPolicy: readonly FoundVersion[] = [];
  #broughtIn: readonly FoundVersion[] = [];
  #onDisk: readonly bigint[] = [];
  #isKnown = true;

  /** False while the policy's versions are of another base path than the configured one. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** What the policy asks for, highest first. */
  get ofPolicy(): readonly FoundVersion[] {
    return this.#ofPolicy;
  }

  /** All that the last look found, highest first. */
  get onDisk(): readonly bigint[] {
    return this.#onDisk;
  }

  /** Of the policy's, those that should be up: what a model must have to be ready. */
  get awaited(): readonly FoundVersion[] {
    return this.#ofPolicy.filter(({ version }) => !this.overrides.isLeftOut(version));
  }

  /** What should be up, operators heard. */
  get all(): readonly FoundVersion[] {
    return [...this.awaited, ...this.#beside];
  }

  get aspiration(): Aspiration {
    const failed = this.all.filter((found) => this.failedLoads.errorOf(found) !== undefined);
    return { aspired: numbers(this.all), beside: numbers(this.#beside), failedLoads: new Set(numbers(failed)) };
  }

  /** By the policy, though it may be left out, or by an operator. */
  isWanted(version: bigint): boolean {
    return this.isOfPolicy(version) || this.overrides.isBroughtIn(version);
  }

  isOfPolicy(version: bigint): boolean {
    return this.#ofPolicy.some((found) => found.version === version);
  }

  /** Is it wanted by an operator alone? */
  isBroughtIn(version: bigint): boolean {
    return this.overrides.isBroughtIn(version) && !this.isOfPolicy(version);
  }

  /** `asked`: those that were to be brought in when the look began. */
  take({ aspired, broughtIn, found }: Look, asked: readonly bigint[]): void {
    this.overrides.forgetBroughtIn(asked.filter((version) => !found.includes(version)));
    this.#onDisk = found;
    this.#broughtIn = broughtIn;
    if (aspired !== undefined) {
      this.#ofPolicy = aspired;
      this.#isKnown = true;
    }
    this.failedLoads.keepOnly([...this.#ofPolicy, ...broughtIn]);
  }

  /** Another base path is configured: what was brought in was of the one before. */
  move(): void {
    this.#isKnown = false;
    this.overrides.forgetBroughtIn(this.overrides.broughtIn);
    this.#broughtIn = [];
    this.#onDisk = [];
  }

  /** Nothing is wanted any more. */
  retire(): void {
    this.#ofPolicy = [];
    this.#broughtIn = [];
    this.#isKnown = true;
  }

  /** At rest, and wanted by operators alone. */
  get #beside(): readonly FoundVersion[] {
    return this.#broughtIn.filter(({ version }) => this.isBroughtIn(version));
  }
}

function numbers(versions: readonly FoundVersion[]): readonly bigint[] {
  return versions.map(({ version }) => version);
}
