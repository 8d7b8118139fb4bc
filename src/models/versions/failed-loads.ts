/**
 * Versions of one model that failed to load, and the files with which they did: until those change, or somebody asks, they are
 * not tried again.
 */
import type { ServingError } from '../../core/errors.ts';
import type { FoundVersion } from './version-watch.ts';

export class FailedLoads {
  readonly #failures = new Map<bigint, { readonly fingerprint: string; readonly error: ServingError }>();

  add({ version, fingerprint }: FoundVersion, error: ServingError): void {
    this.#failures.set(version, { fingerprint, error });
  }

  /** With whatever files. */
  hasFailed(version: bigint): boolean {
    return this.#failures.has(version);
  }

  /** Why it failed with these very files; undefined: it did not. */
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
