/**
 * The inside of a quoted string of protobuf's text format → its bytes. Plain characters become UTF-8. \x and octal
 * escapes are single bytes, so a `bytes` field can hold anything; \u and \U are characters.
 */
import { Buffer } from 'node:buffer';

/** `offset` is the place of the mistake in the literal. */
export class EscapeError extends Error {
  readonly offset: number;

  constructor(offset: number, reason: string) {
    super(reason);
    this.offset = offset;
  }
}

const SIMPLE: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '?': 63,
  '\\': 92,
  "'": 39,
  '"': 34,
};

const ESCAPE = /\\(?:([abfnrtv?\\'"])|([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;

/** `body` is the text between the quotes. Throws EscapeError. */
export function unescapeString(body: string): Buffer {
  const parts: Buffer[] = [];
  let position = 0;
  while (position < body.length) {
    const backslash = body.indexOf('\\', position);
    const plainEnd = backslash === -1 ? body.length : backslash;
    if (plainEnd > position) parts.push(Buffer.from(body.slice(position, plainEnd), 'utf8'));
    position = plainEnd;
    if (backslash === -1) break;
    const { bytes, length } = readEscape(body, position);
    parts.push(bytes);
    position += length;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function readEscape(body: string, at: number): { readonly bytes: Buffer; readonly length: number } {
  ESCAPE.lastIndex = at;
  const match = ESCAPE.exec(body);
  if (match === null)
    throw new EscapeError(at, `"${body.slice(at, at + 2)}" begins no escape; write \\\\ for a backslash`);
  const [whole, simple, octal, hex, short, long] = match;
  if (simple !== undefined) return { bytes: Buffer.of(SIMPLE[simple]!), length: whole.length };
  if (octal !== undefined) {
    const value = Number.parseInt(octal, 8);
    if (value > 255) throw new EscapeError(at, `${whole} is more than a byte; octal escapes end at \\377`);
    return { bytes: Buffer.of(value), length: whole.length };
  }
  if (hex !== undefined) return { bytes: Buffer.of(Number.parseInt(hex, 16)), length: whole.length };
  const code = Number.parseInt((short ?? long)!, 16);
  if (short !== undefined && code >= 0xd800 && code <= 0xdbff) return surrogatePair(body, at, code);
  if (code > 0x10_ffff || (code >= 0xd800 && code <= 0xdfff)) throw new EscapeError(at, `${whole} is no character`);
  return { bytes: Buffer.from(String.fromCodePoint(code), 'utf8'), length: whole.length };
}

/** A character beyond \uFFFF, written as a surrogate pair of UTF-16. */
function surrogatePair(body: string, at: number, high: number): { readonly bytes: Buffer; readonly length: number } {
  const low = /^\\u([dD][c-fC-F][0-9a-fA-F]{2})/.exec(body.slice(at + 6, at + 12));
  if (low === null)
    throw new EscapeError(at, `${body.slice(at, at + 6)} is half a character; the other half must follow`);
  return { bytes: Buffer.from(String.fromCharCode(high, Number.parseInt(low[1]!, 16)), 'utf8'), length: 12 };
}
