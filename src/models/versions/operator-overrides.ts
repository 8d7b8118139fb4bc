/**
 * What an operator has said of one model's versions, beside what its configuration says: versions that are left out until
 * they are brought in again, versions that are brought in although the policy does not want them, and loads that are to be
 * made anew. Lasts as long as the process.
 */
import type { VersionRecord } from './version-record.ts';

export class OperatorOverrides {
  readonly #leftOut = new Set<bigint>();
  readonly #broughtIn = new Set<bigint>();
  readonly #outdated = new WeakSet<VersionRecord>();

  isLeftOut(version: bigint): boolean {
    return this.#leftOut.has(version);
  }

  isBroughtIn(version: bigint): boolean {
    return this.#broughtIn.has(version);
  }

  get broughtIn(): readonly bigint[] {
    return [...this.#broughtIn];
  }

  /** Ends the wish that brought it in, if there was one; else, and if the policy wants it too, it is kept out. */
  leaveOut(version: bigint, isOfPolicy: boolean): void {
    const wasBroughtIn = this.#broughtIn.delete(version);
    if (isOfPolicy || !wasBroughtIn) this.#leftOut.add(version);
  }

  /** Ends the wish that left it out, if there was one; it stays whatever polls find, unless the policy wants it anyway. */
  bringIn(version: bigint, isOfPolicy: boolean): void {
    this.#leftOut.delete(version);
    if (!isOfPolicy) this.#broughtIn.add(version);
  }

  /** They are not on disk any more. */
  forgetBroughtIn(versions: readonly bigint[]): void {
    for (const version of versions) this.#broughtIn.delete(version);
  }

  /** This life of the version is to be replaced by another. */
  renew(record: VersionRecord): void {
    this.#outdated.add(record);
  }

  isOutdated(record: VersionRecord): boolean {
    return this.#outdated.has(record);
  }
}
