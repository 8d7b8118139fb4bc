/**
 * The latency curves of one signature, one for each number of threads that its runs have had. The one in use answers.
 *
 *   1 thread   ╱╱    in use: meanMs, highMs, rowsWithin
 *   2 threads  ╱     of(2): what a run would take there
 *
 * Nothing is known of a number of threads at first: then its curve guesses from the one in use that all threads have the
 * same speed.
 */
import type { LatencyBucket, LatencyEstimate, LatencyView } from './latency-curve.ts';
import { LatencyCurve } from './latency-curve.ts';

export class ThreadCurves implements LatencyView {
  readonly #maxRows: number;
  readonly #sizes: readonly number[];
  readonly #curves = new Map<number, LatencyCurve>();
  #threads = 1;
  #current: LatencyCurve;

  /** As LatencyCurve. */
  constructor(maxRows: number, sizes: readonly number[]) {
    this.#maxRows = maxRows;
    this.#sizes = sizes;
    this.#current = new LatencyCurve(maxRows, sizes);
    this.#curves.set(1, this.#current);
  }

  get isKnown(): boolean {
    return this.#current.isKnown;
  }

  meanMs(rows: number): number {
    return this.#current.meanMs(rows);
  }

  highMs(rows: number): number {
    return this.#current.highMs(rows);
  }

  rowsWithin(budgetMs: number, most: number): number {
    return this.#current.rowsWithin(budgetMs, most);
  }

  /** Runs have so many threads from now on. */
  use(threads: number): void {
    if (threads === this.#threads) return;
    this.#current = this.of(threads);
    this.#threads = threads;
  }

  /** The curve of runs of so many threads. */
  of(threads: number): LatencyCurve {
    const known = this.#curves.get(threads);
    if (known !== undefined) return known;
    const curve = new LatencyCurve(this.#maxRows, this.#sizes);
    curve.import(this.#current.export().map((bucket) => scaled(bucket, this.#threads / threads)));
    this.#curves.set(threads, curve);
    return curve;
  }

  /** Of the fewest threads that have run: those that full batches have, and the same whatever is in use at the moment. */
  estimates(): LatencyEstimate[] {
    const known = [...this.#curves].filter(([, curve]) => curve.isKnown).sort(([a], [b]) => a - b);
    return known[0]?.[1].estimates() ?? [];
  }

  /** What is known, by threads. */
  export(): ReadonlyMap<number, readonly LatencyBucket[]> {
    return new Map([...this.#curves].filter(([, curve]) => curve.isKnown).map(([t, curve]) => [t, curve.export()]));
  }

  import(threads: number, buckets: readonly LatencyBucket[]): void {
    this.of(threads).import(buckets);
  }
}

/** Run times times `factor`, known from one run each. */
function scaled({ rows, meanMs, deviationMs }: LatencyBucket, factor: number): LatencyBucket {
  return { rows, meanMs: factor * meanMs, deviationMs: factor * deviationMs, runs: 1 };
}
