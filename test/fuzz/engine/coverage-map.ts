/**
 * Which parts of the instrumented code an input has reached, and about how often: a part that was reached 1, 2, 3, 4, 8,
 * 16, 32 or 128 times and more for the first time is new, as in AFL.
 */

/** The counters of one file, as istanbul-lib-instrument makes them: by number of statement, function and branch. */
export interface FileCounters {
  s: Record<string, number> | Uint32Array;
  f: Record<string, number> | Uint32Array;
  readonly b: Record<string, number[] | Uint32Array>;
}

/** Counts from 0 to 255 → a bit of their class. */
const CLASS_OF = Uint8Array.from({ length: 256 }, (_, count) => {
  const least = [1, 2, 3, 4, 8, 16, 32, 128].findLastIndex((each) => count >= each);
  return least === -1 ? 0 : 1 << least;
});

/** Makes all counters parts of one array, so that a look at them is one pass. */
export function joinCounters(files: readonly FileCounters[]): Uint32Array {
  const count = (list: object): number => Object.keys(list).length;
  const branches = (file: FileCounters): number => Object.values(file.b).reduce((sum, each) => sum + each.length, 0);
  const total = files.reduce((sum, file) => sum + count(file.s) + count(file.f) + branches(file), 0);
  const all = new Uint32Array(total);
  let at = 0;
  const part = (length: number): Uint32Array => {
    at += length;
    return all.subarray(at - length, at);
  };
  for (const file of files) {
    file.s = part(count(file.s));
    file.f = part(count(file.f));
    for (const [branch, paths] of Object.entries(file.b)) file.b[branch] = part(paths.length);
  }
  return all;
}

export class CoverageMap {
  readonly #counters: Uint32Array;
  readonly #seen: Uint8Array;

  constructor(counters: Uint32Array) {
    this.#counters = counters;
    this.#seen = new Uint8Array(counters.length);
  }

  /** Counters that were not 0 at least once. */
  get reached(): number {
    return this.#seen.reduce((sum, classes) => sum + (classes === 0 ? 0 : 1), 0);
  }

  get size(): number {
    return this.#seen.length;
  }

  /** Whether the code that ran since the last call did anything new. Clears the counters. */
  takeNews(): boolean {
    const counters = this.#counters;
    const seen = this.#seen;
    let isNew = false;
    for (let i = 0; i < counters.length; i++) {
      const count = counters[i]!;
      if (count === 0) continue;
      counters[i] = 0;
      const bit = CLASS_OF[Math.min(count, 255)]!;
      if ((seen[i]! & bit) !== 0) continue;
      seen[i] = seen[i]! | bit;
      isNew = true;
    }
    return isNew;
  }
}
