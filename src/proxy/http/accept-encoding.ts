/**
 * Accept-Encoding (RFC 9110, 12.5.3) → the coding that an answer goes out in, among those this Node can write.
 *
 *   "gzip;q=0.5, br"  → br            the highest q wins; at the same q ours: zstd, br, gzip
 *   "*"               → the first     "*" stands for every coding that is not named
 *   "gzip;q=0"        → undefined     as it is, also where the header forbids even that: better read than refused
 */

/** What answers can be written in, as Content-Encoding names it. */
export type Coding = 'gzip' | 'br' | 'zstd';

const PARAMETER = /^q[ \t]*=[ \t]*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i;
/** Longer headers are no list of codings. */
const MAX_LENGTH = 1024;

/** Pure. `available` in the order in which they are preferred. Undefined = send it as it is. */
export function chooseCoding(header: string | undefined, available: readonly Coding[]): Coding | undefined {
  if (header === undefined || header.length > MAX_LENGTH) return undefined;
  const weights = readWeights(header);
  const others = weights.get('*') ?? 0;
  // A coding that is worth less than none is not wanted; identity counts only where it is named.
  let bestWeight = weights.get('identity') ?? 0;
  let best: Coding | undefined;
  for (const coding of available) {
    const weight = weightOf(weights, coding) ?? others;
    const isBetter = best === undefined ? weight > 0 && weight >= bestWeight : weight > bestWeight;
    if (!isBetter) continue;
    best = coding;
    bestWeight = weight;
  }
  return best;
}

function weightOf(weights: ReadonlyMap<string, number>, coding: Coding): number | undefined {
  return weights.get(coding) ?? (coding === 'gzip' ? weights.get('x-gzip') : undefined);
}

/** A part that cannot be read is left out: it is then not accepted. */
function readWeights(header: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const part of header.split(',')) {
    const [name, parameter, ...more] = part.split(';');
    const weight = parameter === undefined ? '1' : PARAMETER.exec(parameter.trim())?.[1];
    if (weight === undefined || more.length > 0) continue;
    weights.set(name!.trim().toLowerCase(), Number(weight));
  }
  return weights;
}
