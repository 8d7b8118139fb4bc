/**
 * Puts things that overlap onto tracks where they do not, as few as there were at once:
 *
 *   track 1   ▇▇▇▇▇   ▇▇▇▇▇▇
 *   track 2      ▇▇▇▇▇▇▇  ▇▇▇
 */

export interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

/** For each track its intervals, by their start. O(n log n + n · tracks). */
export function placeOnTracks<T extends Interval>(intervals: readonly T[]): readonly (readonly T[])[] {
  const tracks: T[][] = [];
  for (const interval of [...intervals].sort((a, b) => a.startMs - b.startMs)) {
    const free = tracks.find((track) => track[track.length - 1]!.endMs <= interval.startMs);
    if (free === undefined) tracks.push([interval]);
    else free.push(interval);
  }
  return tracks;
}
