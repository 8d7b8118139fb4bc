/** The lengths of rows with which padding is tried. Pure. */

/**
 * Odd ones, which follow powers of two, and multiples of 8, which some models ask for: so that each remainder by a small
 * number occurs.
 */
const GRID = [
  ...[1, 2, 3, 5, 8, 9, 12, 16, 17, 24, 33, 48, 65, 96, 129, 192, 257, 384],
  ...[513, 768, 1025, 1536, 2049, 3072, 4097, 6144, 8193],
] as const;

/** No row is padded to a greater length. */
export const LONGEST = GRID.at(-1)!;

/** Longer rows are tried only when some have come: they take much memory and time, and many models never get any. */
export const UNASKED_LONGEST = 513;

/**
 * The lengths above `from` in ascending order: the grid, and each of `changes` with its two neighbours, where the model's
 * arithmetic may change. Where it is known that no row is longer than `longest`, they end with that length less one, and
 * itself.
 */
export function trialLengths(changes: readonly number[], longest: number | undefined, from = 0): readonly number[] {
  const ends = longest === undefined ? [] : [longest - 1, longest];
  const all = new Set<number>([...GRID, ...changes.flatMap((each) => [each - 1, each, each + 1]), ...ends]);
  const most = Math.min(longest ?? LONGEST, LONGEST);
  return [...all].filter((length) => length > from && length <= most).sort((a, b) => a - b);
}
