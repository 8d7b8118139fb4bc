/**
 * Accept-Encoding (RFC 9110, 12.5.3) → the coding that an answer goes out in, among those this Node can write.
 *
 *   "gzip;q=0.5, br"  → br            the highest q wins; at the same q ours: zstd, br, gzip
 *   "*"               → the first     "*" stands for every coding that is not named
 *   "gzip;q=0"        → undefined     as it is, also where the header forbids even that: better read than refused
 */
import { Negotiator } from 'negotiator';

/** What answers can be written in, as Content-Encoding names it. */
export type Coding = 'gzip' | 'br' | 'zstd';

/** A name, and perhaps a weight. A part that cannot be read is left out: it is then not accepted. */
const PART = /^[^;]*(?:;[ \t]*q[ \t]*=[ \t]*(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*)?$/;
/** Longer headers are no list of codings. */
const MAX_LENGTH = 1024;

/** Pure. `available` in the order in which they are preferred. Undefined = send it as it is. */
export function chooseCoding(header: string | undefined, available: readonly Coding[]): Coding | undefined {
  if (header === undefined || header.length > MAX_LENGTH) return undefined;
  const parts = readableParts(header);
  // Identity counts only where it is named: "*" does not mean it.
  const offered = parts.has('identity') ? [...available, 'identity'] : available;
  const negotiator = new Negotiator({ headers: { 'accept-encoding': [...parts.values()].join(',') } });
  const chosen = negotiator.encoding(offered, { preferred: offered });
  return available.find((coding) => coding === chosen);
}

/** By the coding's name; of one that stands twice the last. */
function readableParts(header: string): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  for (const part of header.toLowerCase().replaceAll('x-gzip', 'gzip').split(',')) {
    if (PART.test(part)) parts.set(part.split(';', 1)[0]!.trim(), part);
  }
  return parts;
}
