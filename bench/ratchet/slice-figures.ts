/** Slices and the requests of the whole time → figures of each slice, or of all together. */
import type { TimedRequest } from '../support/load-generators.ts';
import { lowerBound, quantile } from '../support/statistics.ts';
import type { Both, MeasureName } from './figures.ts';
import type { Slice } from './slices.ts';

export interface Loaded {
  readonly pairs: readonly Both<Slice>[];
  readonly requests: Both<readonly TimedRequest[]>;
}

interface LoadedSide {
  readonly slices: readonly Slice[];
  /** The ends of the requests, ascending, in µs since the epoch. */
  readonly ends: Float64Array;
  readonly requests: readonly TimedRequest[];
}

/**
 * One figure of each pair for what is counted, one of all together for latencies. A pair in which neither answered is
 * left out.
 */
export function figuresOf({ pairs, requests }: Loaded, measure: MeasureName): Both<number>[] {
  const here = sideOf(
    pairs.map((pair) => pair.here),
    requests.here,
  );
  const pinned = sideOf(
    pairs.map((pair) => pair.pinned),
    requests.pinned,
  );
  const [ours, theirs] = [here, pinned].map((side) => valuesOf(side, measure)) as [number[], number[]];
  const values = ours.map((value, i) => ({ here: value, pinned: theirs[i]! }));
  // The ratio is 0 or Infinity if one of them stalled, which the median takes; two stalls have none.
  return values.filter((both) => !Number.isNaN(both.here / both.pinned));
}

function sideOf(slices: readonly Slice[], requests: readonly TimedRequest[]): LoadedSide {
  return { slices, requests, ends: Float64Array.from(requests, ({ endedAt }) => endedAt).sort() };
}

function valuesOf(side: LoadedSide, measure: MeasureName): number[] {
  switch (measure) {
    case 'requests':
      return side.slices.map(({ steadyAt, heldAt }) => endedIn(side, steadyAt, heldAt) / ((heldAt - steadyAt) / 1e6));
    case 'cpu':
      // Requests that were on their way when the load was held are read when it goes on, and about as many are on their
      // way at the end.
      return side.slices.map(({ resumedAt, heldAt, cpuMicros }) => cpuMicros / endedIn(side, resumedAt, heldAt));
    case 'p50':
      return [latencyMs(side, 0.5)];
    case 'p99':
      return [latencyMs(side, 0.99)];
    default:
      throw new Error(`a closed loop does not measure ${measure}`);
  }
}

function endedIn({ ends }: LoadedSide, from: number, until: number): number {
  return lowerBound(ends, until) - lowerBound(ends, from);
}

/** The latency of the requests that began and ended while the server ran. */
function latencyMs({ slices, requests }: LoadedSide, share: number): number {
  const taken: number[] = [];
  const sorted = [...requests].sort((a, b) => a.startedAt - b.startedAt);
  let i = 0;
  for (const { steadyAt, heldAt } of slices) {
    while (i < sorted.length && sorted[i]!.startedAt < steadyAt) i += 1;
    for (; i < sorted.length && sorted[i]!.startedAt < heldAt; i++) {
      const { startedAt, endedAt } = sorted[i]!;
      if (endedAt <= heldAt) taken.push((endedAt - startedAt) / 1000);
    }
  }
  return quantile(taken, share);
}
