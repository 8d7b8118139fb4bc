/**
 * Predicts how long a batch of one signature takes, by its size. It learns from each run and is asked for each request.
 *
 *   ms │              ·  ╱ high = mean + k · deviation
 *      │        ·  ╱ ─── mean
 *      │  · ─╱                          buckets: 1, 2, 4, … largest (linear between)
 *      └──┴──┴─────┴───────── rows      or the allowed sizes (a step at each: a batch is padded to the next)
 * - A run moves the buckets on both sides of its size, by the ratio of its length to the expected length. So a run of 5
 *   rows teaches the buckets 4 and 8 without a jump. Ratios are clamped, so that a single stall changes little. Slow
 *   runs are clamped more and weigh less than fast ones: an estimate that stalls have driven up refuses requests that
 *   would have been in time, and the fewer run, the longer it takes to correct it.
 * - A bucket that has not run is estimated from the others: between two of them by a line, beyond two by their slope,
 *   beside a single one as half fixed cost and half cost per row. Its first run replaces the estimate, unclamped. So does
 *   the second where it is faster: in a first run the runtime may take memory, and compile, for 30 times as long.
 * - A smaller batch is never estimated as slower than a larger one. Where the buckets disagree they meet in between,
 *   nearer to the one that ran lately (MonotoneFit): so buckets that run correct those that have not run for long.
 *   A run's ratio is to the bucket's own estimate, before that correction. Asking allocates nothing.
 */
import {
  FASTER_LEARNING_RATE,
  FIRST_DEVIATION_SHARE,
  FIXED_COST_SHARE,
  HIGH_DEVIATIONS,
  LEARNING_RATE,
  MAX_COUNTED_RUNS,
  MAX_IMPORTED_RUNS,
  MAX_RUN_RATIO,
  MIN_DEVIATION_SHARE,
  MIN_RUN_RATIO,
  MIN_WEIGHT,
  PROBE_LEARNING_RATE,
  UNSEEN_DEVIATION_SHARE,
  WEIGHT_FADING,
} from '../tuning.ts';
import { MonotoneFit } from './monotone-fit.ts';

/** The estimates for policy and admission. Rows ≥ 1. */
export interface LatencyView {
  /** Something has been learned or seeded; else every estimate is 0. */
  readonly isKnown: boolean;
  meanMs(rows: number): number;
  /** Most runs take no longer. */
  highMs(rows: number): number;
  /** The most rows, up to `most`, that `highMs` allows within the budget; 0 if not even one. */
  rowsWithin(budgetMs: number, most: number): number;
}

/** One bucket as it is kept between starts. */
export interface LatencyBucket {
  readonly rows: number;
  readonly meanMs: number;
  /** The mean absolute deviation of the runs, in ms. */
  readonly deviationMs: number;
  /** Its runs, up to MAX_COUNTED_RUNS. */
  readonly runs: number;
}

/** The estimate of one bucket. `runs` is 0 where it is estimated from the other buckets. */
export interface LatencyEstimate extends Omit<LatencyBucket, 'deviationMs'> {
  /** Most runs take no longer. */
  readonly highMs: number;
}

/** A run, as it moves the buckets on both sides of it. */
interface Move {
  /** Its length ÷ the expected one, and the same clamped. */
  readonly whole: number;
  readonly ratio: number;
  /** Least weight in the mean. */
  readonly rate: number;
  readonly runMs: number;
}

export class LatencyCurve implements LatencyView {
  readonly #bounds: readonly number[];
  readonly #isStepped: boolean;
  /** The buckets as learned; 0 runs = a bucket has not run. */
  readonly #means: Float64Array;
  readonly #deviations: Float64Array;
  readonly #runs: Float64Array;
  /** Each bucket's weight in the fit: its runs, where old ones count less. */
  readonly #weights: Float64Array;
  /** The means as learned; estimated for buckets that have not run. */
  readonly #own: Float64Array;
  readonly #fit: MonotoneFit;
  /** The answers: every bucket filled, never falling with rows. */
  readonly #filledMean: Float64Array;
  readonly #filledHigh: Float64Array;
  isKnown = false;

  /** `sizes`: the only sizes that a run may have, ascending; empty = any up to `maxRows`. */
  constructor(maxRows: number, sizes: readonly number[]) {
    this.#isStepped = sizes.length > 0;
    this.#bounds = this.#isStepped ? sizes : powersOfTwo(maxRows);
    const zeros = (): Float64Array => new Float64Array(this.#bounds.length);
    this.#fit = new MonotoneFit(this.#bounds.length);
    this.#means = zeros();
    this.#deviations = zeros();
    this.#runs = zeros();
    this.#weights = zeros().fill(MIN_WEIGHT);
    this.#own = zeros();
    this.#filledMean = zeros();
    this.#filledHigh = zeros();
  }

  /** The rows of the largest bucket that has run; 0 = none has. */
  get largestRun(): number {
    const index = this.#runs.findLastIndex((runs) => runs > 0);
    return index === -1 ? 0 : this.#bounds[index]!;
  }

  meanMs(rows: number): number {
    return this.#at(this.#filledMean, rows);
  }

  highMs(rows: number): number {
    return this.#at(this.#filledHigh, rows);
  }

  rowsWithin(budgetMs: number, most: number): number {
    if (!this.isKnown) return most;
    if (this.highMs(most) <= budgetMs) return most;
    const bounds = this.#bounds;
    const high = this.#filledHigh;
    for (let i = bounds.length - 1; i >= 0; i--) {
      if (bounds[i]! > most || high[i]! > budgetMs) continue;
      if (this.#isStepped || i === bounds.length - 1) return bounds[i]!;
      const share = (budgetMs - high[i]!) / (high[i + 1]! - high[i]!);
      const rows = Math.floor(bounds[i]! + share * (bounds[i + 1]! - bounds[i]!));
      return Math.min(most, Math.max(bounds[i]!, rows));
    }
    return 0;
  }

  /** A run of `rows` (padding included) took `runMs`. Ignored if that is no duration. */
  learn(rows: number, runMs: number, isProbe = false): void {
    if (!(runMs >= 0 && runMs < Infinity && rows >= 1)) return;
    if (!this.isKnown) this.#guessFrom(rows, runMs);
    const expected = this.#at(this.#own, rows);
    const whole = expected > 0 ? runMs / expected : 1;
    const ratio = Math.min(MAX_RUN_RATIO, Math.max(MIN_RUN_RATIO, whole));
    const rate = isProbe ? PROBE_LEARNING_RATE : ratio < 1 ? FASTER_LEARNING_RATE : LEARNING_RATE;
    const weights = this.#weights;
    for (let i = 0; i < weights.length; i++) weights[i] = Math.max(MIN_WEIGHT, weights[i]! * WEIGHT_FADING);
    const upper = this.#indexOf(rows);
    const lowerRows = this.#bounds[upper - 1];
    const upperRows = this.#bounds[upper]!;
    const share = lowerRows === undefined || this.#isStepped ? 1 : (rows - lowerRows) / (upperRows - lowerRows);
    this.#move(upper, { whole, ratio, rate, runMs }, Math.min(1, share));
    if (share < 1) this.#move(upper - 1, { whole, ratio, rate, runMs }, 1 - share);
    this.isKnown = true;
    this.#fill();
  }

  /** A run that was measured at load. The first of a size is taken as it is; later ones count like runs. */
  seed(rows: number, runMs: number): void {
    if (!(runMs >= 0 && runMs < Infinity && rows >= 1)) return;
    const index = this.#bounds.indexOf(rows);
    if (index === -1 || this.#runs[index]! > 0) {
      this.learn(rows, runMs);
      return;
    }
    this.#means[index] = runMs;
    this.#deviations[index] = runMs * MIN_DEVIATION_SHARE;
    this.#runs[index] = 1;
    this.#weights[index] = 1;
    this.isKnown = true;
    this.#fill();
  }

  /** Every bucket's estimate, for people; empty where `isKnown` is false. */
  estimates(): LatencyEstimate[] {
    if (!this.isKnown) return [];
    return this.#bounds.map((rows, i) => ({
      rows,
      meanMs: this.#filledMean[i]!,
      highMs: this.#filledHigh[i]!,
      runs: this.#runs[i]!,
    }));
  }

  /** The buckets that have run, to be kept between starts. */
  export(): LatencyBucket[] {
    const kept: LatencyBucket[] = [];
    for (const [i, rows] of this.#bounds.entries()) {
      if (this.#runs[i] === 0) continue;
      kept.push({ rows, meanMs: this.#means[i]!, deviationMs: this.#deviations[i]!, runs: this.#runs[i]! });
    }
    return kept;
  }

  /** Takes over buckets of an earlier process. Sizes that no longer exist are left out. */
  import(buckets: readonly LatencyBucket[]): void {
    for (const { rows, meanMs, deviationMs, runs } of buckets) {
      const index = this.#bounds.indexOf(rows);
      if (index === -1) continue;
      this.#means[index] = meanMs;
      this.#deviations[index] = deviationMs;
      this.#runs[index] = Math.min(runs, MAX_IMPORTED_RUNS);
      this.#weights[index] = this.#runs[index]!;
      this.isKnown = true;
    }
    if (this.isKnown) this.#fill();
  }

  /** Each bucket counts as if it had run once: the next run of its size replaces it where it is faster. */
  renew(): void {
    for (const [i, runs] of this.#runs.entries()) this.#runs[i] = Math.min(1, runs);
  }

  /** Estimates every bucket from the first run of all. */
  #guessFrom(rows: number, runMs: number): void {
    for (const [i, bound] of this.#bounds.entries()) this.#own[i] = scaledBy(bound / rows, runMs);
  }

  #move(index: number, { whole, ratio, rate, runMs }: Move, share: number): void {
    const runs = this.#runs[index]!;
    if (runs === 0) {
      const guess = this.#own[index]! * whole || runMs;
      this.#means[index] = guess;
      this.#deviations[index] = guess * FIRST_DEVIATION_SHARE;
    } else {
      const replaces = runs === 1 && whole > 0 && whole < 1;
      const moved = (replaces ? whole : ratio) - 1;
      const weight = (replaces ? 1 : Math.max(rate, 1 / (runs + 1))) * share;
      const mean = this.#means[index]!;
      const deviation = this.#deviations[index]!;
      this.#means[index] = mean + weight * moved * mean;
      const most = replaces ? FIRST_DEVIATION_SHARE * this.#means[index]! : Infinity;
      const distance = Math.min(most, Math.abs(moved) * mean);
      this.#deviations[index] = deviation + weight * (distance - deviation);
    }
    this.#runs[index] = Math.min(MAX_COUNTED_RUNS, runs + 1);
    this.#weights[index] = this.#weights[index]! + share;
  }

  /** The first bucket that holds so many rows; the last bucket if none does. */
  #indexOf(rows: number): number {
    const bounds = this.#bounds;
    const last = bounds.length - 1;
    let i = 0;
    while (i < last && bounds[i]! < rows) i += 1;
    return i;
  }

  #at(values: Float64Array, rows: number): number {
    const i = this.#indexOf(rows);
    const bound = this.#bounds[i]!;
    if (i === 0 || this.#isStepped || rows >= bound) return values[i]!;
    const lower = this.#bounds[i - 1]!;
    return values[i - 1]! + ((rows - lower) / (bound - lower)) * (values[i]! - values[i - 1]!);
  }

  #fill(): void {
    let isFalling = false;
    for (let i = 0; i < this.#bounds.length; i++) {
      const isSeen = this.#runs[i]! > 0;
      const mean = isSeen ? this.#means[i]! : this.#guess(i);
      const share = isSeen ? this.#deviations[i]! / (this.#means[i]! || 1) : UNSEEN_DEVIATION_SHARE;
      this.#own[i] = mean;
      this.#filledMean[i] = mean;
      const high = mean * (1 + HIGH_DEVIATIONS * Math.max(MIN_DEVIATION_SHARE, share));
      this.#filledHigh[i] = high;
      isFalling ||= i > 0 && (mean < this.#filledMean[i - 1]! || high < this.#filledHigh[i - 1]!);
    }
    if (!isFalling) return;
    this.#fit.fit(this.#filledMean, this.#weights);
    this.#fit.fit(this.#filledHigh, this.#weights);
  }

  #guess(index: number): number {
    const rows = this.#bounds[index]!;
    let below = index - 1;
    while (below >= 0 && this.#runs[below] === 0) below -= 1;
    let above = index + 1;
    while (above < this.#bounds.length && this.#runs[above] === 0) above += 1;
    if (below >= 0 && above < this.#bounds.length) return this.#line(below, above, rows);
    const near = below >= 0 ? below : above;
    const step = below >= 0 ? -1 : 1;
    let far = near + step;
    while (far >= 0 && far < this.#bounds.length && this.#runs[far] === 0) far += step;
    const ratio = rows / this.#bounds[near]!;
    if (far < 0 || far >= this.#bounds.length) return scaledBy(ratio, this.#means[near]!);
    // The line is bounded: going up it does not fall, going down a row does not get cheaper.
    const line = this.#line(Math.min(near, far), Math.max(near, far), rows);
    return below >= 0 ? Math.max(line, this.#means[near]!) : Math.max(line, this.#means[near]! * ratio);
  }

  #line(a: number, b: number, rows: number): number {
    const left = this.#bounds[a]!;
    const right = this.#bounds[b]!;
    return this.#means[a]! + ((rows - left) / (right - left)) * (this.#means[b]! - this.#means[a]!);
  }
}

/** The run time of so many times the rows of a run that took `runMs`, if nothing else is known. */
function scaledBy(ratio: number, runMs: number): number {
  return runMs * (FIXED_COST_SHARE + (1 - FIXED_COST_SHARE) * ratio);
}

/** 1, 2, 4 … and `maxRows`. */
export function powersOfTwo(maxRows: number): number[] {
  const bounds: number[] = [];
  for (let rows = 1; rows < maxRows; rows *= 2) bounds.push(rows);
  bounds.push(maxRows);
  return bounds;
}
