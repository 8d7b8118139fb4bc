/**
 * String tokens of JSON text whose syntax has been checked: as bytes for tensors (a DT_STRING need not be text), as a
 * JavaScript string for names, and base64 decoded.
 */
import { Buffer } from 'node:buffer';
import { asciiText, BACKSLASH, LOWER_U } from './json-chars.ts';

const STANDARD = /^[A-Za-z0-9+/]*$/;
const PADDED = /^([A-Za-z0-9+/]*)(={0,2})$/;
const WHITE_SPACE = /[ \t\n\v\f\r]+/g;
const NAMED_ESCAPES: Readonly<Record<string, number>> = { b: 8, t: 9, n: 10, f: 12, r: 13 };

/**
 * The text between the quotes, from `start` to `end`, unescaped; `\uXXXX` becomes UTF-8. Without an escape it is a view
 * of the body.
 */
export function stringBytes(bytes: Buffer, start: number, end: number): Uint8Array {
  const raw = bytes.subarray(start, end);
  const firstEscape = raw.indexOf(BACKSLASH);
  if (firstEscape === -1) return raw;
  // An escape is never shorter than its bytes.
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

/** The same as a string. Bytes that are not UTF-8 become U+FFFD. */
export function stringText(bytes: Buffer, start: number, end: number): string {
  const text = stringBytes(bytes, start, end);
  return Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('utf8');
}

/** The name among `known` whose bytes are at `start` to `end`; a name with escapes is not found. */
export function knownName(known: readonly string[], bytes: Buffer, start: number, end: number): string | undefined {
  for (const name of known) {
    if (name.length !== end - start) continue;
    let at = 0;
    while (at < name.length && bytes[start + at] === name.charCodeAt(at)) at++;
    if (at === name.length) return name;
  }
  return undefined;
}

/**
 * Base64 as TensorFlow Serving reads it in `{"b64": …}`: the standard alphabet, padding optional, white space ignored.
 * Undefined for any other text. It is checked first because Node's decoder skips unknown characters, so a damaged image
 * would reach the model.
 */
export function decodeBase64(bytes: Uint8Array): Buffer | undefined {
  const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const text = STANDARD.test(given) ? given : given.replace(WHITE_SPACE, '');
  const match = PADDED.exec(text);
  if (match === null) return undefined;
  const characters = match[1]!.length;
  const padding = match[2]!.length;
  // Six bits left over make no byte; padding, where it stands, fills the last four.
  if (characters % 4 === 1 || (padding > 0 && (characters + padding) % 4 !== 0)) return undefined;
  return Buffer.from(match[1]!, 'base64');
}

function hexUnit(bytes: Buffer, at: number): number {
  return Number.parseInt(asciiText(bytes, at, at + 4), 16);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
