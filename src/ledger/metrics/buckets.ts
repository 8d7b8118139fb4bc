/**
 * Upper bounds of a histogram's buckets, and which bucket a value is in. The first bits of the value as a 32-bit float,
 * its exponent and three bits of its mantissa, say which is the first bucket that it may be in:
 *
 *   value ──▶ first 12 bits ──▶ first ──▶ one or two comparisons of doubles
 *
 * So a value is found in buckets that grow by powers as fast near the end as at the begin.
 *
 * A histogram is `width` numbers of an array: the count of each bucket, not cumulative, one more for what is above all
 * bounds, and the sum of its values. Histograms of one signature lie side by side in one array.
 */
const SHIFT = 20;
const KEYS = 2 ** (32 - SHIFT - 1);
/** A double may become the next larger 32-bit float. */
const LEAST_SHARE = 1 - 2 ** -23;

const single = new Float32Array(1);
const word = new Uint32Array(single.buffer);

export class Buckets {
  readonly bounds: Float64Array;
  /** Numbers of a histogram. */
  readonly width: number;
  readonly #least: number;
  /** The first bucket that a value may be in, by the first bits of the value. */
  readonly #first = new Uint8Array(KEYS);

  /** @param bounds ascending, at most 255 */
  constructor(bounds: readonly number[]) {
    this.bounds = Float64Array.from(bounds);
    this.width = bounds.length + 2;
    this.#least = bounds[0]!;
    let bucket = 0;
    for (let key = 0; key < KEYS; key++) {
      word[0] = key << SHIFT;
      while (bucket < bounds.length && single[0]! * LEAST_SHARE > bounds[bucket]!) bucket += 1;
      this.#first[key] = bucket;
    }
  }

  /** Counts a value, which is not NaN, in the histogram at index `at`. */
  count(numbers: Float64Array, at: number, value: number): void {
    numbers[at + this.of(value)]! += 1;
    numbers[at + this.width - 1]! += value;
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

/** Upper bounds in seconds, 50 µs to 30 s, each about twice the last; 10 ms, 100 ms and 1 s are common objectives. */
export const DURATION_BUCKETS: readonly number[] = [
  0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30,
];
export const DURATIONS = new Buckets(DURATION_BUCKETS);

/** Upper bounds that grow by a factor. */
export function exponentialBounds(first: number, factor: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => first * factor ** i);
}
