/**
 * The latency curves of one servable version, by signature, and what goes in and out of them as plain data: seeds that
 * were measured at load, and what an earlier process had learned.
 *
 * What comes from a file is checked bucket by bucket: anything that is no duration is left out, never believed.
 */
import { type LatencyBucket, LatencyCurve, type LatencyEstimate } from './latency-curve.ts';

/** One run measured before traffic came. */
export interface LatencySeed {
  readonly signature: string;
  /** As the runtime saw them, padding included. */
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

  /** The curve of a signature; made at the first call. `sizes` as SignaturePlan has them. */
  curveOf(signature: string, maxRows: number, sizes: readonly number[]): LatencyCurve {
    let curve = this.#curves.get(signature);
    if (curve === undefined) {
      curve = new LatencyCurve(maxRows, sizes);
      this.#curves.set(signature, curve);
    }
    return curve;
  }

  /** Runs of signatures that are not there are ignored. */
  seed(seeds: readonly LatencySeed[]): void {
    for (const { signature, rows, runMs } of seeds) this.#curves.get(signature)?.seed(rows, runMs);
  }

  /** What it would answer now, by signature: for people. */
  estimates(): ReadonlyMap<string, readonly LatencyEstimate[]> {
    return new Map([...this.#curves].map(([name, curve]) => [name, curve.estimates()]));
  }

  export(): LatencyState {
    const signatures: Record<string, readonly LatencyBucket[]> = {};
    for (const [name, curve] of this.#curves) if (curve.isKnown) signatures[name] = curve.export();
    return { signatures };
  }

  /** Anything that JSON may hold; what makes no sense is left out. Returns how many buckets were taken over. */
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

/** A batch of more than a day is no measurement. */
const MOST_MS = 86_400_000;

function isBucket(value: unknown): value is LatencyBucket {
  if (!isRecord(value)) return false;
  const { rows, meanMs, deviationMs, runs } = value;
  const isBetween = (n: unknown, least: number, most: number): boolean =>
    typeof n === 'number' && n >= least && n <= most;
  const isCount = (n: unknown): boolean => Number.isSafeInteger(n) && isBetween(n, 1, Infinity);
  return isCount(rows) && isCount(runs) && isBetween(meanMs, 1e-6, MOST_MS) && isBetween(deviationMs, 0, MOST_MS);
}
