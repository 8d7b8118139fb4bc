/**
 * "Did you mean …?": the known name that is fewest edits away from an unknown one.
 */

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
    const distance = editDistance(name, candidate);
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest ?? known.find((candidate) => name.length >= 3 && candidate.startsWith(name));
}

/** Levenshtein, row by row: for short names. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
