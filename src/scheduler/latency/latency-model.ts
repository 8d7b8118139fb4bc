/**
 * The latency curves of one servable version, by signature and by the threads of a run. Seeds that were measured at load,
 * and the state of an earlier process, go in as plain data. State comes from a file, so each bucket is checked; invalid ones
 * are left out.
 */
import { MAX_IMPORTED_RUN_MS, MIN_IMPORTED_RUN_MS } from '../tuning.ts';
import type { LatencyBucket, LatencyEstimate } from './latency-curve.ts';
import { LengthCurves } from './length-curves.ts';
import { ThreadCurves } from './thread-curves.ts';

/** One run that was measured at load. */
export interface LatencySeed {
  readonly signature: string;
  /** The rows of the run, padding included. */
  readonly rows: number;
  /** The length of its rows, where requests may have any. */
  readonly length?: number;
  /** The time from handing the batch to the host to its answer. */
  readonly runMs: number;
}

type SignatureBuckets = Readonly<Record<string, readonly LatencyBucket[]>>;

/** Plain JSON: what a version's curves have learned. */
export interface LatencyState {
  /** The buckets of runs of one thread. */
  readonly signatures: SignatureBuckets;
  /** The buckets of runs of several threads, by their number. Absent = there were none. */
  readonly threads?: Readonly<Record<string, SignatureBuckets>>;
}

export class LatencyModel {
  readonly #curves = new Map<string, ThreadCurves>();
  #threads = 1;

  /** The curves of a signature; created by the first call. `sizes` as in SignaturePlan; `hasLengths`: its rows differ. */
  curveOf(signature: string, maxRows: number, sizes: readonly number[], hasLengths = false): ThreadCurves {
    let curves = this.#curves.get(signature);
    if (curves === undefined) {
      curves = hasLengths ? new LengthCurves(maxRows, sizes) : new ThreadCurves(maxRows, sizes);
      curves.use(this.#threads);
      this.#curves.set(signature, curves);
    }
    return curves;
  }

  /** Runs have so many threads from now on; at first 1. */
  use(threads: number): void {
    this.#threads = threads;
    for (const curves of this.#curves.values()) curves.use(threads);
  }

  /** Runs of the number of threads in use. Seeds of unknown signatures are ignored. */
  seed(seeds: readonly LatencySeed[]): void {
    for (const { signature, rows, length, runMs } of seeds) {
      this.#curves.get(signature)?.seed(this.#threads, rows, length, runMs);
    }
  }

  /** The current estimates by signature, for people. */
  estimates(): ReadonlyMap<string, readonly LatencyEstimate[]> {
    return new Map([...this.#curves].map(([name, curves]) => [name, curves.estimates()]));
  }

  export(): LatencyState {
    const signatures: Record<string, readonly LatencyBucket[]> = {};
    const threads: Record<string, Record<string, readonly LatencyBucket[]>> = {};
    for (const [name, curves] of this.#curves) {
      for (const [number, buckets] of curves.export()) {
        const key = keyOf(name, curves);
        if (number === 1) signatures[key] = buckets;
        else threads[number] = { ...threads[number], [key]: buckets };
      }
    }
    return Object.keys(threads).length === 0 ? { signatures } : { signatures, threads };
  }

  /** Takes any JSON value; invalid parts are left out. Returns how many buckets were taken over. */
  import(state: unknown): number {
    const { signatures, threads } = isRecord(state) ? state : {};
    let taken = this.#importOf(1, signatures);
    for (const [key, value] of Object.entries(isRecord(threads) ? threads : {})) {
      const number = Number(key);
      if (Number.isSafeInteger(number) && number > 1) taken += this.#importOf(number, value);
    }
    return taken;
  }

  #importOf(threads: number, signatures: unknown): number {
    let taken = 0;
    const known = new Map(Object.entries(isRecord(signatures) ? signatures : {}));
    for (const [name, curves] of this.#curves) {
      const buckets = known.get(keyOf(name, curves));
      const sound = Array.isArray(buckets) ? buckets.filter(isBucket) : [];
      if (sound.length === 0) continue;
      curves.import(threads, sound);
      taken += sound.length;
    }
    return taken;
  }
}

/** Elements are not read as rows where a signature had lengths in one of two starts. */
function keyOf(signature: string, curves: ThreadCurves): string {
  return curves instanceof LengthCurves ? `${signature} by elements` : signature;
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
