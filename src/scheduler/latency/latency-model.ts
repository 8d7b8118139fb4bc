/**
 * The latency curves of one servable version, by signature. Seeds that were measured at load, and the state of an
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

/** Plain JSON: what a version's curves have learned. */
export interface LatencyState {
  readonly signatures: Readonly<Record<string, readonly LatencyBucket[]>>;
}

export class LatencyModel {
  readonly #curves = new Map<string, LatencyCurve>();

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

  export(): LatencyState {
    const signatures: Record<string, readonly LatencyBucket[]> = {};
    for (const [name, curve] of this.#curves) if (curve.isKnown) signatures[name] = curve.export();
    return { signatures };
  }

  /** Takes any JSON value; invalid parts are left out. Returns how many buckets were taken over. */
  import(state: unknown): number {
    const signatures = isRecord(state) && isRecord(state['signatures']) ? state['signatures'] : {};
    let taken = 0;
    for (const [name, buckets] of Object.entries(signatures)) {
      const sound = Array.isArray(buckets) ? buckets.filter(isBucket) : [];
      this.#curves.get(name)?.import(sound);
      taken += sound.length;
    }
    return taken;
  }
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
