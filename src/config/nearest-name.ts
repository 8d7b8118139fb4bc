import { distance } from 'fastest-levenshtein';

/**
 * The known name with the fewest edits from `name`, else one that begins with it, for "did you mean …?". Undefined if
 * each needs edits of more than half of the letters, and none begins so.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  // A longer name is no typing error, and the distance takes time in the square of the length.
  if (name.length > 100) return undefined;
  let nearest: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 2)) + 1;
  for (const candidate of known) {
    const edits = distance(name, candidate);
    if (edits < least) [nearest, least] = [candidate, edits];
  }
  return nearest ?? known.find((candidate) => name.length >= 3 && candidate.startsWith(name));
}
