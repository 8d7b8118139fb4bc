/**
 * The latency that 99 of 100 recent requests stay under, learned from a stream of them in constant memory.
 *
 * A histogram with buckets that grow with the value, sixteen to each doubling, so that the limit is right to 1/16:
 *
 *   µs   16 │ 17 │ … │ 31 │ 32–33 │ 34–35 │ … │ 64–67 │ …
 *
 * Counts are halved at each HALVE_AT: what was slow an hour ago does not say what is slow now. A value counts as over
 * the limit that held when it came. Constant latencies have nothing over their limit.
 */

/** Until then there is no limit: a hundredth of fewer is none. */
const LEAST_SEEN = 200;
const HALVE_AT = 16_384;
/** Between two looks for the limit, in values seen. A look costs what 30 values do. */
const LOOK_EVERY = 64;
const OVER_SHARE = 0.01;

/** Buckets to each doubling: 2^STEP_BITS. */
const STEP_BITS = 4;
const STEPS = 1 << STEP_BITS;
/** Up to 2^31 µs, some 36 minutes; what is longer counts as that. */
const MAX_MICROS = 2 ** 31 - 1;
const BUCKETS = (31 - STEP_BITS) * STEPS + STEPS;

export class TailThreshold {
  readonly #counts = new Uint32Array(BUCKETS);
  #seen = 0;
  #untilLook = LEAST_SEEN;
  #limitMs = Infinity;

  /** In ms; Infinity until enough was seen. */
  get limitMs(): number {
    return this.#limitMs;
  }

  /** Counts a latency; true if it is over the limit. */
  isOver(latencyMs: number): boolean {
    const isOver = latencyMs > this.#limitMs;
    this.#counts[bucketOf(latencyMs)]! += 1;
    this.#seen += 1;
    this.#untilLook -= 1;
    if (this.#untilLook <= 0) this.#look();
    return isOver;
  }

  #look(): void {
    this.#untilLook = LOOK_EVERY;
    const allowedOver = Math.floor(this.#seen * OVER_SHARE);
    let bucket = BUCKETS - 1;
    let over = this.#counts[bucket]!;
    while (over <= allowedOver && bucket > 0) {
      bucket -= 1;
      over += this.#counts[bucket]!;
    }
    this.#limitMs = endOf(bucket) / 1000;
    if (this.#seen < HALVE_AT) return;
    this.#seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      this.#counts[i]! >>= 1;
      this.#seen += this.#counts[i]!;
    }
  }
}

/** Below STEPS µs each has its own; from there the highest bit picks the doubling and the next ones the step. */
function bucketOf(latencyMs: number): number {
  const micros = Math.min(MAX_MICROS, latencyMs * 1000) | 0;
  if (micros < STEPS) return Math.max(0, micros);
  const shift = 31 - STEP_BITS - Math.clz32(micros);
  return (shift + 1) * STEPS + (micros >> shift) - STEPS;
}

/** First µs past a bucket. */
function endOf(bucket: number): number {
  if (bucket < STEPS) return bucket + 1;
  const shift = Math.floor(bucket / STEPS) - 1;
  return ((bucket % STEPS) + STEPS + 1) * 2 ** shift;
}
