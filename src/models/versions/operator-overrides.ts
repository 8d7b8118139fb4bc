/**
 * An operator's actions on one model's versions, which override its version policy: versions that stay unloaded,
 * versions that are loaded although the policy does not want them, and records that are to be loaded again. They last
 * as long as the process.
 */
import type { VersionRecord } from './version-record.ts';

export class OperatorOverrides {
  readonly #unloaded = new Set<bigint>();
  readonly #loaded = new Set<bigint>();
  readonly #outdated = new WeakSet<VersionRecord>();

  isUnloaded(version: bigint): boolean {
    return this.#unloaded.has(version);
  }

  isLoaded(version: bigint): boolean {
    return this.#loaded.has(version);
  }

  get loaded(): readonly bigint[] {
    return [...this.#loaded];
  }

  /** Undoes a load() of the version. Keeps the version unloaded if the policy wants it, or if there was no load(). */
  unload(version: bigint, isOfPolicy: boolean): void {
    const wasLoaded = this.#loaded.delete(version);
    if (isOfPolicy || !wasLoaded) this.#unloaded.add(version);
  }

  /** Undoes an unload() of the version. Keeps the version loaded if the policy does not want it. */
  load(version: bigint, isOfPolicy: boolean): void {
    this.#unloaded.delete(version);
    if (!isOfPolicy) this.#loaded.add(version);
  }

  /** Undoes load() for versions that are no longer on disk. */
  forgetLoaded(versions: readonly bigint[]): void {
    for (const version of versions) this.#loaded.delete(version);
  }

  /** The record is to be replaced by another of the same version. */
  reload(record: VersionRecord): void {
    this.#outdated.add(record);
  }

  isOutdated(record: VersionRecord): boolean {
    return this.#outdated.has(record);
  }
}
