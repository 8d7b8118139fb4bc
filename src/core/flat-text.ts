import { Buffer } from 'node:buffer';

/**
 * The same text in memory of its own, for keys that every request looks up. V8 keeps a text that was cut out of a
 * longer one as a reference into it, which makes map look-ups slower. Half a surrogate pair becomes U+FFFD.
 */
export function flatText(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
