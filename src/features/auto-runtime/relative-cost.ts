/**
 * Compares the run times of two runtimes for a model, as the load-time sweep measured them (batch-sweep.ts). Pure.
 *
 *   the model's average batch size is known:   the ratio of the run times at that size
 *   its traffic is not known:                  √(ratio at one row × ratio at the largest batch that both have run)
 *
 * The second rule gives single requests and full batches the same weight: a runtime that is twice as fast with one row
 * and half as fast with a full batch is as good as the other. All signatures have the same weight (geometric mean).
 */
import type { SizeTime } from '../../models/runtimes/runtime-choice.ts';
import type { LatencySeed } from '../../models/warm-up/batch-sweep.ts';

/** The run times of one runtime. */
export type Timing = readonly LatencySeed[];

/** The medians of all sizes, in the order of the sweep. */
export function mediansOf(timing: Timing): readonly SizeTime[] {
  return timing.map(({ signatureName, rows, runMs }) => {
    const sorted = [...runMs].sort((a, b) => a - b);
    return { signature: signatureName, rows, ms: sorted[sorted.length >> 1]! };
  });
}

/**
 * The run time of `a` as a multiple of that of `b`: below 1, `a` is faster. Undefined if no signature was run on both.
 * `learnedRows`: the rows of the model's average batch; undefined = not known.
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

/** Least time, below the clock's resolution; it keeps ratios finite. */
const LEAST_MS = 1e-4;

function ratioOf(a: readonly SizeTime[], b: readonly SizeTime[], learnedRows: number | undefined): number {
  const ratioAt = (rows: number): number => Math.max(LEAST_MS, msAt(a, rows)) / Math.max(LEAST_MS, msAt(b, rows));
  if (learnedRows !== undefined) return ratioAt(learnedRows);
  // A sweep stops before a size that would take too long, so the slower runtime may have run fewer sizes.
  const largest = Math.min(a.at(-1)!.rows, b.at(-1)!.rows);
  return geometricMean([ratioAt(Math.max(a[0]!.rows, b[0]!.rows)), ratioAt(largest)]);
}

/** The run time at a size: interpolated between the sizes that were run, proportional to the rows beyond the last. */
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
