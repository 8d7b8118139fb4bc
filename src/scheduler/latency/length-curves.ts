/**
 * The run times of a signature whose requests differ in length. They are learned by rows × length, the elements of one
 * padded input, because that is what a run computes on:
 *
 *   ms │           ╱     4 rows of length 16 and 1 of length 64 are 64 elements each
 *      │      ╱───╱
 *      └──┴──┴──┴──┴── rows × length, padding included
 *
 * A question about rows alone is answered for the length that batches had lately.
 */
import { FIRST_LENGTH, MAX_BATCH_ELEMENTS, MEAN_WEIGHT, RUN_COST_ELEMENTS, TRUSTED_GROWTH } from '../tuning.ts';
import { type LatencyEstimate, powersOfTwo } from './latency-curve.ts';
import { type RunCost, ThreadCurves } from './thread-curves.ts';

export class LengthCurves extends ThreadCurves {
  readonly #maxRows: number;
  readonly #sizes: readonly number[];
  /** Moving means of runs: their rows, and rows × length. 0 = nothing has run. */
  #rows = 0;
  #elements = 0;

  /** Has the parameters of LatencyCurve, in rows. */
  constructor(maxRows: number, sizes: readonly number[]) {
    super(MAX_BATCH_ELEMENTS, []);
    this.#maxRows = maxRows;
    this.#sizes = sizes;
  }

  /** The mean length of the rows that ran lately, padding included. */
  override get usualLength(): number {
    return this.#rows === 0 ? FIRST_LENGTH : Math.max(1, Math.round(this.#elements / this.#rows));
  }

  /** Lengths that differ much do not share runs, whatever waits. */
  override usualRows(most: number): number {
    return this.#rows === 0 ? most : Math.min(most, Math.max(1, Math.round(this.#rows)));
  }

  override meanMs(rows: number, length = 0): number {
    return super.meanMs(this.#elementsOf(rows, length));
  }

  override highMs(rows: number, length = 0): number {
    return super.highMs(this.#elementsOf(rows, length));
  }

  override rowsWithin(budgetMs: number, most: number, length = 0): number {
    if (!this.isKnown || this.highMs(most, length) <= budgetMs) return most;
    const each = length === 0 ? this.usualLength : length;
    const rows = Math.floor(super.rowsWithin(budgetMs, most * each) / each);
    if (this.#sizes.length === 0) return Math.min(most, rows);
    return Math.min(most, this.#sizes.findLast((size) => size <= rows) ?? 0);
  }

  /**
   * Like meanMs, but a run of more than TRUSTED_GROWTH times the largest is not taken for cheap: an element costs at
   * least as much as in a run of that size. If nothing has run, elements are counted.
   */
  override costs(): RunCost {
    const trusted = TRUSTED_GROWTH * this.largestRun;
    if (trusted === 0) return (rows, length) => RUN_COST_ELEMENTS + this.#elementsOf(rows, length);
    const trustedMs = super.meanMs(trusted);
    return (rows, length) => {
      const share = this.#elementsOf(rows, length) / trusted;
      return share <= 1 ? this.meanMs(rows, length) : Math.max(this.meanMs(rows, length), share * trustedMs);
    };
  }

  override meanMsOf(threads: number, rows: number, beside = 0): number {
    return super.meanMsOf(threads, this.#elementsOf(rows, this.usualLength), beside);
  }

  override learn(threads: number, rows: number, length: number, runMs: number, isProbe: boolean, beside = 0): void {
    // The rows have no element.
    if (length === 0) return;
    const weight = this.#rows === 0 ? 1 : MEAN_WEIGHT;
    this.#rows += weight * (rows - this.#rows);
    this.#elements += weight * (rows * length - this.#elements);
    super.learn(threads, rows * length, 1, runMs, isProbe, beside);
  }

  override seed(threads: number, rows: number, length: number | undefined, runMs: number): void {
    super.seed(threads, rows * (length ?? FIRST_LENGTH), undefined, runMs);
  }

  /** The estimates by rows of the usual length. */
  override estimates(): LatencyEstimate[] {
    const curve = this.fewestThreads;
    if (curve === undefined) return [];
    const buckets = curve.estimates();
    const sizes = this.#sizes.length === 0 ? powersOfTwo(this.#maxRows) : this.#sizes;
    return sizes.map((rows) => {
      const elements = this.#elementsOf(rows, this.usualLength);
      const runs = (buckets.find((bucket) => bucket.rows >= elements) ?? buckets.at(-1)!).runs;
      return { rows, meanMs: curve.meanMs(elements), highMs: curve.highMs(elements), runs };
    });
  }

  /** The elements of a run with that many rows, which runs in an allowed size. */
  #elementsOf(rows: number, length: number): number {
    let size = rows;
    for (const allowed of this.#sizes) {
      if (allowed < rows) continue;
      size = allowed;
      break;
    }
    return size * (length === 0 ? this.usualLength : length);
  }
}
