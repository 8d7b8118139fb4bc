/**
 * "Did you mean …?": the known name that is fewest edits away from an unknown one.
 */
import { distance } from 'fastest-levenshtein';

/**
 * The nearest of `known`, or undefined if none is near: more than half of the letters would have to change, and none
 * begins so.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  // Names of a command line or a file; a longer one is no slip of the finger, and the distance costs length².
  if (name.length > 100) return undefined;
  let nearest: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 2)) + 1;
  for (const candidate of known) {
    const edits = distance(name, candidate);
    if (edits < least) [nearest, least] = [candidate, edits];
  }
  return nearest ?? known.find((candidate) => name.length >= 3 && candidate.startsWith(name));
}
