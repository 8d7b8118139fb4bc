/**
 * The latency curves of one signature, one for each number of threads that its runs have had. The one in use answers.
 *
 *   1 thread              ╱╱    in use: meanMs, highMs, rowsWithin, of all runs
 *   1 thread, beside one  ╱╱╱   meanMsOf(1, rows, 1): of those that had one other run beside them
 *   2 threads             ╱     meanMsOf(2, rows)
 *
 * Nothing is known of a number of threads at first: then its curve guesses from the one in use that all threads have the
 * same speed. The same of runs beside others: they are taken to be hardly slower than all.
 *
 * Runs also have the length of their rows, which only length-curves.ts looks at.
 */
import { BESIDE_COST_SHARE } from '../tuning.ts';
import type { LatencyBucket, LatencyEstimate, LatencyView } from './latency-curve.ts';
import { LatencyCurve } from './latency-curve.ts';

/** How much a run of rows of that length costs: in ms, or in something that ms grow with. */
export type RunCost = (rows: number, length: number) => number;

export class ThreadCurves implements LatencyView {
  readonly #maxRows: number;
  readonly #sizes: readonly number[];
  readonly #curves = new Map<number, LatencyCurve>();
  /** The threads whose curves are guesses: none of their runs was learned. */
  readonly #guessed = new Set<number>();
  /** The curves of runs beside others, by `besideKey`. */
  readonly #beside = new Map<number, LatencyCurve>();
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

  /** Like meanMs, for a run of so many threads with so many others beside it. */
  meanMsOf(threads: number, rows: number, beside = 0): number {
    const known = this.#beside.get(besideKey(threads, beside));
    return known?.meanMs(rows) ?? besideFactor(beside) * this.of(threads).meanMs(rows);
  }

  /** Runs of so many threads have had so many others beside them. */
  knowsBeside(threads: number, beside: number): boolean {
    return this.#beside.has(besideKey(threads, beside));
  }

  /** Like LatencyCurve.learn, for a run of so many threads with so many others beside it. */
  learn(threads: number, rows: number, _length: number, runMs: number, isProbe: boolean, beside = 0): void {
    const curve = this.#ownOf(threads);
    if (beside > 0) this.#learnBeside(curve, threads, rows, runMs, beside);
    curve.learn(rows, runMs, isProbe);
  }

  #learnBeside(all: LatencyCurve, threads: number, rows: number, runMs: number, beside: number): void {
    const key = besideKey(threads, beside);
    let curve = this.#beside.get(key);
    if (curve === undefined) {
      curve = this.#scaledCopy(all, besideFactor(beside));
      this.#beside.set(key, curve);
    }
    curve.learn(rows, runMs);
  }

  /**
   * Like LatencyCurve.seed, for a run of so many threads. `length`: that of its rows, where the requests' own may be any;
   * then it says nothing of theirs, and is ignored.
   */
  seed(threads: number, rows: number, length: number | undefined, runMs: number): void {
    if (length === undefined) this.#ownOf(threads).seed(rows, runMs);
  }

  /** Lets what is known of runs of so many threads count no more than their first run did. */
  renew(threads: number): void {
    this.of(threads).renew();
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

  /** The curve of runs of so many threads; guessed anew from those in use until some have run. */
  of(threads: number): LatencyCurve {
    const known = this.#curves.get(threads);
    const isOwn = threads === this.threads || (known?.isKnown === true && !this.#guessed.has(threads));
    if (known !== undefined && isOwn) return known;
    const curve = this.#scaledCopy(this.#current, this.threads / threads);
    this.#curves.set(threads, curve);
    this.#guessed.add(threads);
    return curve;
  }

  /** The same, to learn from runs: from now on it is no guess. */
  #ownOf(threads: number): LatencyCurve {
    const curve = this.of(threads);
    this.#guessed.delete(threads);
    return curve;
  }

  /** A guess: that curve's run times times `factor`. */
  #scaledCopy(curve: LatencyCurve, factor: number): LatencyCurve {
    const copy = new LatencyCurve(this.#maxRows, this.#sizes);
    copy.import(curve.export().map((bucket) => scaled(bucket, factor)));
    return copy;
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
    this.#ownOf(threads).import(buckets);
  }

  /** The curve of the fewest threads that have run; undefined = nothing has. */
  protected get fewestThreads(): LatencyCurve | undefined {
    return [...this.#curves].filter(([, curve]) => curve.isKnown).sort(([a], [b]) => a - b)[0]?.[1];
  }
}

/** More runs than are ever in progress at once, so that no two keys are equal. */
const MOST_BESIDE = 4096;

function besideKey(threads: number, beside: number): number {
  return threads * MOST_BESIDE + beside;
}

/** How many times as long a run takes beside so many others, until some have run so. */
function besideFactor(beside: number): number {
  return 1 + BESIDE_COST_SHARE * beside;
}

/** Run times times `factor`, known from one run each. */
function scaled({ rows, meanMs, deviationMs }: LatencyBucket, factor: number): LatencyBucket {
  return { rows, meanMs: factor * meanMs, deviationMs: factor * deviationMs, runs: 1 };
}
