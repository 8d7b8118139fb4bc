/**
 * How long a batch of one signature takes, by its size: learned from what ran, asked for every request.
 *
 *   ms │              ·  ╱ high = mean + k · deviation
 *      │        ·  ╱ ─── mean
 *      │  · ─╱                          buckets: 1, 2, 4, … largest (linear between)
 *      └──┴──┴─────┴───────── rows      or the allowed sizes (a step at each: a batch is padded to the next)
 *
 * - A run moves the buckets on both sides of its size, by the ratio of what it took to what was expected: so a run of 5
 *   rows teaches 4 and 8 without a jump. Ratios are clamped: one stall of a neighbour is no news. They are clamped more
 *   upwards, and being faster than expected counts double: an estimate that stalls have driven up refuses requests that
 *   would have been in time, and the fewer run, the longer it takes to learn so.
 * - A bucket never seen is what the known ones say: between two a line, beyond two their slope, beside a single one half
 *   fixed and half per row. The first run of its own settles it.
 * - A smaller batch never counts as slower than a larger one. Where they say otherwise they meet in between, nearer to
 *   the one that ran lately (monotone-fit.ts): a bucket that has not run for long is put right by those that have, be it
 *   the smaller or the larger one. What a run teaches its bucket is measured against that bucket, not against the others.
 *
 * Asking allocates nothing; learning is paid once a batch.
 */
import { MonotoneFit } from './monotone-fit.ts';

/** What policy and admission ask. Rows ≥ 1. */
export interface LatencyView {
  /** Something has been learned or seeded; else every estimate is 0. */
  readonly isKnown: boolean;
  meanMs(rows: number): number;
  /** What nearly every run keeps within. */
  highMs(rows: number): number;
  /** The most rows, up to `most`, that `highMs` allows within the budget; 0 if not even one. */
  rowsWithin(budgetMs: number, most: number): number;
}

/** One bucket as it is kept between starts. */
export interface LatencyBucket {
  readonly rows: number;
  readonly meanMs: number;
  /** Mean absolute deviation. */
  readonly deviationMs: number;
  /** Runs that it has seen, up to a bound. */
  readonly runs: number;
}

/** One bucket as it is asked for. */
export interface LatencyEstimate {
  readonly rows: number;
  readonly meanMs: number;
  /** What nearly every run keeps within. */
  readonly highMs: number;
  /** Runs that it has seen, up to a bound; 0 = a guess from the others. */
  readonly runs: number;
}

/** Weight of the newest run, once a bucket knows more than 1 / ALPHA of them. */
const ALPHA = 0.1;
/** The same where it was faster than expected. */
const FASTER_ALPHA = 0.15;
/** Of a probe: what runs seldom must teach more. */
const PROBE_ALPHA = 0.3;
const MOST_RATIO = 1.5;
const LEAST_RATIO = 1 / 2.5;
/** How many deviations lie between mean and high. One covers three in four; what lies beyond is mostly stalls, which no margin covers. */
const DEVIATIONS = 1;
/** Nothing repeats itself to the microsecond, whatever three warm-up runs say. */
const LEAST_DEVIATION = 0.05;
/** What is assumed of a bucket's deviation at its first run. */
const FIRST_DEVIATION = 0.25;
const RUNS_REMEMBERED = 1000;
/** How fast a bucket's say fades while others run: to a third in a hundred runs. */
const FADING = 0.99;
const LEAST_SAY = 1e-6;

export class LatencyCurve implements LatencyView {
  readonly #bounds: readonly number[];
  readonly #isStepped: boolean;
  /** As learned; 0 runs = never seen. */
  readonly #means: number[];
  readonly #deviations: number[];
  readonly #runs: number[];
  /** What each is worth beside the others: its runs, those of long ago less. */
  readonly #say: number[];
  /** As learned, and guessed where never seen. */
  readonly #own: number[];
  readonly #fit: MonotoneFit;
  /** As asked for: every bucket filled, never falling with rows. */
  readonly #filledMean: number[];
  readonly #filledHigh: number[];
  #isKnown = false;

  /** `sizes`: the only sizes that a run may have, ascending; empty = any up to `maxRows`. */
  constructor(maxRows: number, sizes: readonly number[]) {
    this.#isStepped = sizes.length > 0;
    this.#bounds = this.#isStepped ? sizes : powersOfTwo(maxRows);
    const zeros = (): number[] => this.#bounds.map(() => 0);
    this.#means = zeros();
    this.#deviations = zeros();
    this.#runs = zeros();
    this.#say = zeros().fill(LEAST_SAY);
    this.#own = zeros();
    this.#fit = new MonotoneFit(this.#bounds.length);
    this.#filledMean = zeros();
    this.#filledHigh = zeros();
  }

  get isKnown(): boolean {
    return this.#isKnown;
  }

  meanMs(rows: number): number {
    return this.#at(this.#filledMean, rows);
  }

  highMs(rows: number): number {
    return this.#at(this.#filledHigh, rows);
  }

  rowsWithin(budgetMs: number, most: number): number {
    if (!this.#isKnown) return most;
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

  /** A run of `rows` (padding included) took `runMs`. What is no duration is ignored. */
  learn(rows: number, runMs: number, isProbe = false): void {
    if (!(runMs >= 0 && runMs < Infinity && rows >= 1)) return;
    const expected = this.#isKnown ? this.#at(this.#own, rows) : runMs;
    const ratio = expected > 0 ? Math.min(MOST_RATIO, Math.max(LEAST_RATIO, runMs / expected)) : 1;
    const alpha = isProbe ? PROBE_ALPHA : ratio < 1 ? FASTER_ALPHA : ALPHA;
    for (let i = 0; i < this.#say.length; i++) this.#say[i] = Math.max(LEAST_SAY, this.#say[i]! * FADING);
    const upper = this.#indexOf(rows);
    const lowerRows = this.#bounds[upper - 1];
    const upperRows = this.#bounds[upper]!;
    const share = lowerRows === undefined || this.#isStepped ? 1 : (rows - lowerRows) / (upperRows - lowerRows);
    this.#move(upper, ratio, Math.min(1, share), alpha, runMs);
    if (share < 1) this.#move(upper - 1, ratio, 1 - share, alpha, runMs);
    this.#isKnown = true;
    this.#fill();
  }

  /** A run measured beforehand. The first for a size is taken as it is; those after it count like runs. */
  seed(rows: number, runMs: number): void {
    if (!(runMs >= 0 && runMs < Infinity && rows >= 1)) return;
    const index = this.#bounds.indexOf(rows);
    if (index === -1 || this.#runs[index]! > 0) {
      this.learn(rows, runMs);
      return;
    }
    this.#means[index] = runMs;
    this.#deviations[index] = runMs * LEAST_DEVIATION;
    this.#runs[index] = 1;
    this.#say[index] = 1;
    this.#isKnown = true;
    this.#fill();
  }

  /** Every bucket's estimate, for people; empty where nothing is known. */
  estimates(): LatencyEstimate[] {
    if (!this.#isKnown) return [];
    return this.#bounds.map((rows, i) => ({
      rows,
      meanMs: this.#filledMean[i]!,
      highMs: this.#filledHigh[i]!,
      runs: this.#runs[i]!,
    }));
  }

  /** What was learned, to be kept. */
  export(): LatencyBucket[] {
    const kept: LatencyBucket[] = [];
    for (const [i, rows] of this.#bounds.entries()) {
      if (this.#runs[i] === 0) continue;
      kept.push({ rows, meanMs: this.#means[i]!, deviationMs: this.#deviations[i]!, runs: this.#runs[i]! });
    }
    return kept;
  }

  /** Takes over what an earlier process learned. Buckets of sizes that no longer exist are left out. */
  import(buckets: readonly LatencyBucket[]): void {
    for (const { rows, meanMs, deviationMs, runs } of buckets) {
      const index = this.#bounds.indexOf(rows);
      if (index === -1) continue;
      this.#means[index] = meanMs;
      this.#deviations[index] = deviationMs;
      // It may have become faster or slower meanwhile: the first runs here count more than one in a thousand.
      this.#runs[index] = Math.min(runs, 3);
      this.#say[index] = this.#runs[index]!;
      this.#isKnown = true;
    }
    if (this.#isKnown) this.#fill();
  }

  #move(index: number, ratio: number, share: number, alpha: number, runMs: number): void {
    const runs = this.#runs[index]!;
    if (runs === 0) {
      const guess = this.#own[index]! * ratio || runMs;
      this.#means[index] = guess;
      this.#deviations[index] = guess * FIRST_DEVIATION;
    } else {
      const weight = Math.max(alpha, 1 / (runs + 1)) * share;
      const mean = this.#means[index]!;
      const deviation = this.#deviations[index]!;
      this.#means[index] = mean + weight * (ratio - 1) * mean;
      this.#deviations[index] = deviation + weight * (Math.abs(ratio - 1) * mean - deviation);
    }
    this.#runs[index] = Math.min(RUNS_REMEMBERED, runs + 1);
    this.#say[index] = this.#say[index]! + share;
  }

  /** First bucket that holds so many rows; the last for more than any. */
  #indexOf(rows: number): number {
    const bounds = this.#bounds;
    const last = bounds.length - 1;
    let i = 0;
    while (i < last && bounds[i]! < rows) i += 1;
    return i;
  }

  #at(values: readonly number[], rows: number): number {
    const i = this.#indexOf(rows);
    const bound = this.#bounds[i]!;
    if (i === 0 || this.#isStepped || rows >= bound) return values[i]!;
    const lower = this.#bounds[i - 1]!;
    return values[i - 1]! + ((rows - lower) / (bound - lower)) * (values[i]! - values[i - 1]!);
  }

  #fill(): void {
    for (let i = 0; i < this.#bounds.length; i++) {
      const isSeen = this.#runs[i]! > 0;
      const mean = isSeen ? this.#means[i]! : this.#guess(i);
      const share = isSeen ? this.#deviations[i]! / (this.#means[i]! || 1) : FIRST_DEVIATION / 2;
      this.#own[i] = mean;
      this.#filledMean[i] = mean;
      this.#filledHigh[i] = mean * (1 + DEVIATIONS * Math.max(LEAST_DEVIATION, share));
    }
    this.#fit.fit(this.#filledMean, this.#say);
    this.#fit.fit(this.#filledHigh, this.#say);
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
    if (far < 0 || far >= this.#bounds.length) return this.#means[near]! * (0.5 + 0.5 * ratio);
    // Never cheaper per row than the nearest that is known going down, nor falling going up.
    const line = this.#line(Math.min(near, far), Math.max(near, far), rows);
    return below >= 0 ? Math.max(line, this.#means[near]!) : Math.max(line, this.#means[near]! * ratio);
  }

  #line(a: number, b: number, rows: number): number {
    const [left, right] = [this.#bounds[a]!, this.#bounds[b]!];
    return this.#means[a]! + ((rows - left) / (right - left)) * (this.#means[b]! - this.#means[a]!);
  }
}

function powersOfTwo(maxRows: number): number[] {
  const bounds: number[] = [];
  for (let rows = 1; rows < maxRows; rows *= 2) bounds.push(rows);
  bounds.push(maxRows);
  return bounds;
}
