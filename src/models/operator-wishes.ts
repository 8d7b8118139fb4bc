/**
 * What an operator has said of one model's versions, beside what its configuration says: versions that are left out until
 * they are taken back, and loads that are to be made anew. Lasts as long as the process.
 */
import type { VersionRecord } from './version-record.ts';

export class OperatorWishes {
  readonly #leftOut = new Set<bigint>();
  readonly #outdated = new WeakSet<VersionRecord>();

  isLeftOut(version: bigint): boolean {
    return this.#leftOut.has(version);
  }

  leaveOut(version: bigint): void {
    this.#leftOut.add(version);
  }

  takeBack(version: bigint): void {
    this.#leftOut.delete(version);
  }

  /** This life of the version is to be replaced by another. */
  renew(record: VersionRecord): void {
    this.#outdated.add(record);
  }

  isOutdated(record: VersionRecord): boolean {
    return this.#outdated.has(record);
  }
}
