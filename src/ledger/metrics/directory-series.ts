import type { ReadFamily } from './registry.ts';

/** Most directories that are remembered. */
export const MAX_DIRECTORIES = 256;

/**
 * Bounds the series of families whose label `model_path` is the directory of a version. They outlive their version, as
 * they are often the only metrics of a failed load. Beyond MAX_DIRECTORIES, the oldest directory is forgotten.
 */
export class DirectorySeries {
  readonly families: readonly ReadFamily[];
  /** Oldest first. */
  readonly #directories = new Set<string>();

  constructor(families: readonly ReadFamily[]) {
    this.families = families;
  }

  /** Call it with the directory of each series before it is opened. */
  remember(directory: string): void {
    this.#directories.add(directory);
    if (this.#directories.size <= MAX_DIRECTORIES) return;
    const [oldest] = this.#directories;
    this.#directories.delete(oldest!);
    for (const family of this.families) family.removeWhere?.((labels) => labels['model_path'] === oldest);
  }
}
