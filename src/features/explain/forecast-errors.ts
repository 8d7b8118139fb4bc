/**
 * How far the ends of requests were from their forecasts: a sketch of signed durations. Each sign has the buckets of
 * float-buckets.ts, so that a quantile is off by at most 6 %, or 8 µs, and the memory is fixed.
 */
import { FLOAT_BUCKETS, floatBucketOf, middleOf } from './float-buckets.ts';

/** The quantiles that are shown. */
export const ERROR_QUANTILES = [0.5, 0.9, 0.99, 0.995] as const;

export class ForecastErrors {
  readonly #early = new Uint32Array(FLOAT_BUCKETS);
  readonly #late = new Uint32Array(FLOAT_BUCKETS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** @param errorMs actual end − forecast; below 0 = earlier than forecast */
  add(errorMs: number): void {
    if (Number.isNaN(errorMs)) return;
    if (errorMs < 0) this.#early[floatBucketOf(-errorMs)]! += 1;
    else this.#late[floatBucketOf(errorMs)]! += 1;
    this.#count += 1;
  }

  clear(): void {
    this.#early.fill(0);
    this.#late.fill(0);
    this.#count = 0;
  }

  /** The error in ms that `share` (0 to 1) of the errors of all sketches do not exceed; undefined without errors. */
  static quantile(sketches: readonly ForecastErrors[], share: number): number | undefined {
    const total = sketches.reduce((sum, { count }) => sum + count, 0);
    if (total === 0) return undefined;
    const wanted = share * total;
    let below = 0;
    for (let at = -FLOAT_BUCKETS; at < FLOAT_BUCKETS; at++) {
      for (const sketch of sketches) below += at < 0 ? sketch.#early[-at - 1]! : sketch.#late[at]!;
      if (below >= wanted && below > 0) return at < 0 ? -middleOf(-at - 1) : middleOf(at);
    }
    return middleOf(FLOAT_BUCKETS - 1);
  }
}
