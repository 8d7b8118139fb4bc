/** Turns the measured runs of a model into the lengths of simulated runs and into a latency curve. */

import type { SeededRandom } from '../../../core/repeatable/seeded-random.ts';
import { LatencyCurve } from '../../../scheduler/latency/latency-curve.ts';
import { HIGH_DEVIATIONS } from '../../../scheduler/tuning.ts';

/** Runs of one size, in ms. */
export interface MeasuredSize {
  readonly rows: number;
  readonly meanMs: number;
  /** Most runs take no longer; absent = not known. */
  readonly highMs?: number;
}

/** Deviation over mean absolute deviation, of a normal distribution. */
const DEVIATION_RATIO = Math.sqrt(Math.PI / 2);
/** Most deviation of a run's logarithm: an estimate that is wide because little has run is no randomness of runs. */
const MOST_NOISE = 0.3;

export interface RunTimes {
  /** One run of so many rows, with chance. */
  draw(rows: number): number;
  /** The mean. */
  meanMs(rows: number): number;
}

/**
 * `sizes` are ascending, and at least one. `maxRows`: the largest batch that will be asked for; beyond the measured sizes
 * the curve goes on with its slope. `areSteps`: there are no other sizes.
 */
export function runTimes(
  sizes: readonly MeasuredSize[],
  { maxRows, areSteps }: { readonly maxRows: number; readonly areSteps: boolean },
  random: SeededRandom,
): RunTimes {
  const largest = Math.max(maxRows, sizes[sizes.length - 1]!.rows);
  const curve = new LatencyCurve(largest, areSteps ? sizes.map(({ rows }) => rows) : []);
  for (const { rows, meanMs } of sizes) curve.seed(rows, meanMs);
  const noise = noiseOf(sizes);
  const meanMs = (rows: number): number => curve.meanMs(rows);
  return { meanMs, draw: (rows) => meanMs(rows) * Math.exp(noise * random.normal() - noise ** 2 / 2) };
}

/** The mean over the sizes. */
function noiseOf(sizes: readonly MeasuredSize[]): number {
  const shares = sizes.map(({ meanMs, highMs = meanMs }) => (meanMs > 0 ? (highMs / meanMs - 1) / HIGH_DEVIATIONS : 0));
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return Math.min(MOST_NOISE, DEVIATION_RATIO * mean);
}
