/**
 * Which of two runtimes is faster for a model, from what the load-time sweep measured of each (batch-sweep.ts). Pure.
 *
 *   rows that the model's batches have had so far, on average, are known:   the ratio of what a run of so many takes
 *   nothing is known of its traffic:    √(ratio at one row × ratio at the largest batch that both have run)
 *
 * The second weighs a single caller and a full house alike: a runtime that is twice as fast alone and half as fast in
 * company is as good as the other. A signature counts as much as any other: the ratio is the geometric mean of theirs.
 */
import type { LatencySeed } from '../warm-up/batch-sweep.ts';

/** What one runtime took. */
export type Timing = readonly LatencySeed[];

/** Median of the runs of one size, in ms. */
export interface SizeTime {
  readonly signature: string;
  readonly rows: number;
  readonly ms: number;
}

/** Medians, in the order of the sweep. */
export function mediansOf(timing: Timing): readonly SizeTime[] {
  return timing.map(({ signatureName, rows, runMs }) => {
    const sorted = [...runMs].sort((a, b) => a - b);
    return { signature: signatureName, rows, ms: sorted[sorted.length >> 1]! };
  });
}

/**
 * What `a` costs as a multiple of `b`: below 1, `a` is faster. Undefined where no signature was run on both.
 * `learnedRows`: of an average batch so far; undefined = not known.
 */
export function relativeCost(a: Timing, b: Timing, learnedRows: number | undefined): number | undefined {
  const [as, bs] = [bySignature(a), bySignature(b)];
  const ratios: number[] = [];
  for (const [signature, mine] of as) {
    const theirs = bs.get(signature);
    if (theirs !== undefined) ratios.push(ratioOf(mine, theirs, learnedRows));
  }
  return ratios.length === 0 ? undefined : geometricMean(ratios);
}

/** Below the clock's resolution: keeps a ratio of two tiny times finite. */
const LEAST_MS = 1e-4;

function ratioOf(a: readonly SizeTime[], b: readonly SizeTime[], learnedRows: number | undefined): number {
  const ratioAt = (rows: number): number => Math.max(LEAST_MS, msAt(a, rows)) / Math.max(LEAST_MS, msAt(b, rows));
  if (learnedRows !== undefined) return ratioAt(learnedRows);
  // The sweep ends where the next size would take too long: the slower of two has run fewer sizes.
  const largest = Math.min(a.at(-1)!.rows, b.at(-1)!.rows);
  return geometricMean([ratioAt(Math.max(a[0]!.rows, b[0]!.rows)), ratioAt(largest)]);
}

/** Linear between the sizes that were run, per row beyond the last. */
function msAt(sizes: readonly SizeTime[], rows: number): number {
  const above = sizes.findIndex((size) => size.rows >= rows);
  if (above === 0) return sizes[0]!.ms;
  if (above === -1) {
    const last = sizes.at(-1)!;
    return (last.ms * rows) / last.rows;
  }
  const [low, high] = [sizes[above - 1]!, sizes[above]!];
  return low.ms + ((high.ms - low.ms) * (rows - low.rows)) / (high.rows - low.rows);
}

function bySignature(timing: Timing): ReadonlyMap<string, readonly SizeTime[]> {
  const all = new Map<string, SizeTime[]>();
  for (const time of mediansOf(timing)) {
    const times = all.get(time.signature) ?? [];
    all.set(time.signature, times);
    times.push(time);
  }
  return all;
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
