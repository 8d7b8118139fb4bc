/**
 * Counts durations in buckets, eight to each doubling: 300 numbers cover 10 µs to days, and a percentile is off by less
 * than 5 %. Sparse counts can be sent and added up, so that the console's page, which uses this file too, chooses the
 * window. Pure.
 */

/** A bucket and its count. */
export type BucketCount = readonly [bucket: number, count: number];

const LEAST_MS = 0.01;
const PER_OCTAVE = 8;
export const BUCKETS = 300;

/** Bucket of a duration; the first for a duration below 10 µs and for NaN. */
export function bucketOf(ms: number): number {
  if (!(ms > LEAST_MS)) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log2(ms / LEAST_MS) * PER_OCTAVE));
}

/** Upper bound of a bucket, in ms. */
export function boundOf(bucket: number): number {
  return LEAST_MS * 2 ** (bucket / PER_OCTAVE);
}

/** The buckets that are not empty. */
export function sparse(counts: Uint32Array): BucketCount[] {
  const found: BucketCount[] = [];
  for (let bucket = 0; bucket < counts.length; bucket++) {
    if (counts[bucket]! > 0) found.push([bucket, counts[bucket]!]);
  }
  return found;
}

/** The duration in ms that `share` (0 to 1) of the counted durations do not exceed; undefined where there is none. */
export function percentileMs(parts: readonly (readonly BucketCount[])[], share: number): number | undefined {
  const sums = new Map<number, number>();
  let total = 0;
  for (const part of parts) {
    for (const [bucket, count] of part) {
      sums.set(bucket, (sums.get(bucket) ?? 0) + count);
      total += count;
    }
  }
  if (total === 0) return undefined;
  const wanted = share * total;
  let below = 0;
  for (const [bucket, count] of [...sums].sort((a, b) => a[0] - b[0])) {
    if (below + count >= wanted) return boundOf(bucket - 1 + (wanted - below) / count);
    below += count;
  }
  return undefined;
}
