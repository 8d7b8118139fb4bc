/**
 * The latency curves of one signature, one for each number of threads that its runs have had. The one in use answers.
 *
 *   1 thread   ╱╱    in use: meanMs, highMs, rowsWithin
 *   2 threads  ╱     of(2): what a run would take there
 *
 * Nothing is known of a number of threads at first: then its curve guesses from the one in use that all threads have the
 * same speed.
 *
 * Runs also have the length of their rows, which only length-curves.ts looks at.
 */
import type { LatencyBucket, LatencyEstimate, LatencyView } from './latency-curve.ts';
import { LatencyCurve } from './latency-curve.ts';

/** How much a run of rows of that length costs: in ms, or in something that ms grow with. */
export type RunCost = (rows: number, length: number) => number;

export class ThreadCurves implements LatencyView {
  readonly #maxRows: number;
  readonly #sizes: readonly number[];
  readonly #curves = new Map<number, LatencyCurve>();
  /** Threads of the runs that are asked about; only `use` changes it. */
  threads = 1;
  #current: LatencyCurve;

  /** Has the parameters of LatencyCurve. */
  constructor(maxRows: number, sizes: readonly number[]) {
    this.#maxRows = maxRows;
    this.#sizes = sizes;
    this.#current = new LatencyCurve(maxRows, sizes);
    this.#curves.set(1, this.#current);
  }

  get isKnown(): boolean {
    return this.#current.isKnown;
  }

  /** The length of rows where nothing is said of it. */
  get usualLength(): number {
    return 1;
  }

  /** How many rows a run has while many wait; `most` = those of a full batch. */
  usualRows(most: number): number {
    return most;
  }

  /** `length`: that of the rows; 0 = the usual one. */
  meanMs(rows: number, _length = 0): number {
    return this.#current.meanMs(rows);
  }

  /** `length` as in meanMs. */
  highMs(rows: number, _length = 0): number {
    return this.#current.highMs(rows);
  }

  /** `length` as in meanMs. */
  rowsWithin(budgetMs: number, most: number, _length = 0): number {
    return this.#current.rowsWithin(budgetMs, most);
  }

  /** Like meanMs, for so many threads. */
  meanMsOf(threads: number, rows: number): number {
    return this.of(threads).meanMs(rows);
  }

  /** Like LatencyCurve.learn, for a run of so many threads. */
  learn(threads: number, rows: number, _length: number, runMs: number, isProbe: boolean): void {
    this.of(threads).learn(rows, runMs, isProbe);
  }

  /** Like LatencyCurve.seed, for a run of so many threads. */
  seed(threads: number, rows: number, _length: number, runMs: number): void {
    this.of(threads).seed(rows, runMs);
  }

  /** Runs have so many threads from now on. */
  use(threads: number): void {
    if (threads === this.threads) return;
    this.#current = this.of(threads);
    this.threads = threads;
  }

  /** The cost of runs, to compare them; rows of any length cost the same. */
  costs(): RunCost {
    return (rows) => this.#current.meanMs(rows);
  }

  /** The rows of the largest run of the threads in use; 0 = there was none. */
  protected get largestRun(): number {
    return this.#current.largestRun;
  }

  /** The curve of runs of so many threads. */
  of(threads: number): LatencyCurve {
    const known = this.#curves.get(threads);
    if (known !== undefined) return known;
    const curve = new LatencyCurve(this.#maxRows, this.#sizes);
    curve.import(this.#current.export().map((bucket) => scaled(bucket, this.threads / threads)));
    this.#curves.set(threads, curve);
    return curve;
  }

  /** The estimates for the fewest threads that have run: full batches have these, whatever is in use at the moment. */
  estimates(): LatencyEstimate[] {
    return this.fewestThreads?.estimates() ?? [];
  }

  /** The known buckets, by threads. */
  export(): ReadonlyMap<number, readonly LatencyBucket[]> {
    return new Map([...this.#curves].filter(([, curve]) => curve.isKnown).map(([t, curve]) => [t, curve.export()]));
  }

  import(threads: number, buckets: readonly LatencyBucket[]): void {
    this.of(threads).import(buckets);
  }

  /** The curve of the fewest threads that have run; undefined = nothing has. */
  protected get fewestThreads(): LatencyCurve | undefined {
    return [...this.#curves].filter(([, curve]) => curve.isKnown).sort(([a], [b]) => a - b)[0]?.[1];
  }
}

/** Run times times `factor`, known from one run each. */
function scaled({ rows, meanMs, deviationMs }: LatencyBucket, factor: number): LatencyBucket {
  return { rows, meanMs: factor * meanMs, deviationMs: factor * deviationMs, runs: 1 };
}
