/**
 * Upper bounds of a histogram's buckets, and which bucket a value is in. The first bits of the value as a 32-bit float, its
 * exponent and three bits of its mantissa, say which is the first bucket that it may be in:
 *
 *   value ──▶ first 12 bits ──▶ first ──▶ one or two comparisons of doubles
 *
 * So a value is found in buckets that grow by powers as fast near the end as at the begin.
 */
const SHIFT = 20;
const KEYS = 2 ** (32 - SHIFT - 1);
/** A double may become the next larger 32-bit float. */
const LEAST_SHARE = 1 - 2 ** -23;

const single = new Float32Array(1);
const word = new Uint32Array(single.buffer);

export class Buckets {
  readonly bounds: Float64Array;
  readonly #least: number;
  /** By the first bits of a value. */
  readonly #first = new Uint8Array(KEYS);

  /** @param bounds ascending, at most 255 */
  constructor(bounds: readonly number[]) {
    this.bounds = Float64Array.from(bounds);
    this.#least = bounds[0]!;
    let bucket = 0;
    for (let key = 0; key < KEYS; key++) {
      word[0] = key << SHIFT;
      while (bucket < bounds.length && single[0]! * LEAST_SHARE > bounds[bucket]!) bucket += 1;
      this.#first[key] = bucket;
    }
  }

  /** The first bucket whose bound is not below the value; `bounds.length` where there is none. */
  of(value: number): number {
    if (value <= this.#least) return 0;
    const { bounds } = this;
    single[0] = value;
    let bucket = this.#first[word[0]! >>> SHIFT]!;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket += 1;
    return bucket;
  }
}
