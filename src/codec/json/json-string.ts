/**
 * String tokens of JSON text whose syntax has been checked: as bytes for tensors (raw, whatever they are: a DT_STRING
 * need not be text), as a JavaScript string for names.
 */
import { Buffer } from 'node:buffer';
import { asciiText, BACKSLASH, LOWER_U } from './json-chars.ts';

const NAMED_ESCAPES: Readonly<Record<string, number>> = { b: 8, t: 9, n: 10, f: 12, r: 13 };

/**
 * What stands between the quotes, from `start` to `end`, unescaped. Without an escape it is a view of the body (no
 * copy); `\uXXXX` becomes UTF-8.
 */
export function stringBytes(bytes: Buffer, start: number, end: number): Uint8Array {
  const raw = bytes.subarray(start, end);
  const firstEscape = raw.indexOf(BACKSLASH);
  if (firstEscape === -1) return raw;
  // An escape is never shorter than the bytes it stands for.
  const out = Buffer.allocUnsafe(raw.length);
  let length = raw.copy(out, 0, 0, firstEscape);
  for (let at = firstEscape; at < raw.length; ) {
    const byte = raw[at]!;
    if (byte !== BACKSLASH) {
      out[length++] = byte;
      at++;
    } else if (raw[at + 1] === LOWER_U) {
      const isPair = isHighSurrogate(hexUnit(raw, at + 2));
      const character = isPair
        ? String.fromCharCode(hexUnit(raw, at + 2), hexUnit(raw, at + 8))
        : String.fromCharCode(hexUnit(raw, at + 2));
      length += out.write(character, length, 'utf8');
      at += isPair ? 12 : 6;
    } else {
      const letter = raw[at + 1]!;
      out[length++] = NAMED_ESCAPES[String.fromCharCode(letter)] ?? letter;
      at += 2;
    }
  }
  return out.subarray(0, length);
}

/** The same as a name: UTF-8, with U+FFFD for what is not. */
export function stringText(bytes: Buffer, start: number, end: number): string {
  const text = stringBytes(bytes, start, end);
  return Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('utf8');
}

function hexUnit(bytes: Buffer, at: number): number {
  return Number.parseInt(asciiText(bytes, at, at + 4), 16);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
