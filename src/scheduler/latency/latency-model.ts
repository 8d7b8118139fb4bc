/**
 * The latency curves of one servable version, by signature. A run of several threads takes another time, so the curves
 * have an own memory for each number of threads, of which one is in use at a time. Seeds that were measured at load, and the state of an
 * earlier process, go in as plain data. State comes from a file, so each bucket is checked; invalid ones are left out.
 */
import { MAX_IMPORTED_RUN_MS, MIN_IMPORTED_RUN_MS } from '../tuning.ts';
import { type LatencyBucket, LatencyCurve, type LatencyEstimate } from './latency-curve.ts';

/** One run that was measured at load. */
export interface LatencySeed {
  readonly signature: string;
  /** Padding included. */
  readonly rows: number;
  /** From the batch handed to the host to its answer. */
  readonly runMs: number;
}

type SignatureBuckets = Readonly<Record<string, readonly LatencyBucket[]>>;

/** Plain JSON: what a version's curves have learned. */
export interface LatencyState {
  /** Of runs with the usual number of threads. */
  readonly signatures: SignatureBuckets;
  /** Of runs with other numbers. Absent = there were none. */
  readonly threads?: Readonly<Record<string, SignatureBuckets>>;
}

export class LatencyModel {
  readonly #curves = new Map<string, LatencyCurve>();
  /** What the curves know of numbers of threads that are not in use. */
  readonly #others = new Map<number, SignatureBuckets>();
  #threads = 1;

  /** The curve of a signature; created by the first call. `sizes` as in SignaturePlan. */
  curveOf(signature: string, maxRows: number, sizes: readonly number[]): LatencyCurve {
    let curve = this.#curves.get(signature);
    if (curve === undefined) {
      curve = new LatencyCurve(maxRows, sizes);
      this.#curves.set(signature, curve);
    }
    return curve;
  }

  /** Seeds of unknown signatures are ignored. */
  seed(seeds: readonly LatencySeed[]): void {
    for (const { signature, rows, runMs } of seeds) this.#curves.get(signature)?.seed(rows, runMs);
  }

  /** The current estimates by signature, for people. */
  estimates(): ReadonlyMap<string, readonly LatencyEstimate[]> {
    return new Map([...this.#curves].map(([name, curve]) => [name, curve.estimates()]));
  }

  /**
   * Runs have so many threads from now on: the same curves answer with what is known of those. For a number that has never
   * been in use, they guess that all threads have the same speed. At first it is 1.
   */
  use(threads: number): void {
    if (threads === this.#threads) return;
    const before = this.#buckets();
    this.#others.set(this.#threads, before);
    const known = this.#others.get(threads) ?? scaled(before, this.#threads / threads);
    this.#others.delete(threads);
    this.#threads = threads;
    for (const [name, curve] of this.#curves) {
      curve.clear();
      curve.import(known[name] ?? []);
    }
  }

  /** `usual`: the threads of runs whose times stand in `signatures`. */
  export(usual = 1): LatencyState {
    const all = new Map([...this.#others, [this.#threads, this.#buckets()] as const]);
    const signatures = all.get(usual) ?? {};
    all.delete(usual);
    const others = [...all].filter(([, buckets]) => Object.keys(buckets).length > 0);
    return others.length === 0 ? { signatures } : { signatures, threads: Object.fromEntries(others) };
  }

  /**
   * Takes any JSON value; invalid parts are left out. Returns how many buckets were taken over. `usual` as in `export`.
   */
  import(state: unknown, usual = 1): number {
    const { signatures, threads } = isRecord(state) ? state : {};
    let taken = this.#importOf(usual, signatures);
    for (const [key, value] of Object.entries(isRecord(threads) ? threads : {})) {
      const number = Number(key);
      if (Number.isSafeInteger(number) && number >= 1 && number !== usual) taken += this.#importOf(number, value);
    }
    return taken;
  }

  #importOf(threads: number, signatures: unknown): number {
    const sound: Record<string, readonly LatencyBucket[]> = {};
    let taken = 0;
    for (const [name, buckets] of Object.entries(isRecord(signatures) ? signatures : {})) {
      const good = Array.isArray(buckets) ? buckets.filter(isBucket) : [];
      if (!this.#curves.has(name) || good.length === 0) continue;
      sound[name] = good;
      taken += good.length;
      if (threads === this.#threads) this.#curves.get(name)!.import(good);
    }
    if (threads !== this.#threads && taken > 0) this.#others.set(threads, sound);
    return taken;
  }

  #buckets(): SignatureBuckets {
    const known: Record<string, readonly LatencyBucket[]> = {};
    for (const [name, curve] of this.#curves) if (curve.isKnown) known[name] = curve.export();
    return known;
  }
}

/** Run times times `factor`, known from one run each. */
function scaled(buckets: SignatureBuckets, factor: number): SignatureBuckets {
  const scaledOf = ({ rows, meanMs, deviationMs }: LatencyBucket): LatencyBucket => ({
    ...{ rows, meanMs: factor * meanMs, deviationMs: factor * deviationMs },
    runs: 1,
  });
  return Object.fromEntries(Object.entries(buckets).map(([name, known]) => [name, known.map(scaledOf)]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isBucket(value: unknown): value is LatencyBucket {
  if (!isRecord(value)) return false;
  const { rows, meanMs, deviationMs, runs } = value;
  const isBetween = (n: unknown, least: number, most: number): boolean =>
    typeof n === 'number' && n >= least && n <= most;
  const isCount = (n: unknown): boolean => Number.isSafeInteger(n) && isBetween(n, 1, Infinity);
  const isMean = isBetween(meanMs, MIN_IMPORTED_RUN_MS, MAX_IMPORTED_RUN_MS);
  return isCount(rows) && isCount(runs) && isMean && isBetween(deviationMs, 0, MAX_IMPORTED_RUN_MS);
}
