/**
 * JSON text, written into one buffer that grows and is used again for the next text.
 *
 * A text of at most KEPT_BYTES is copied out. A longer one takes the buffer with it, so that a large answer is not
 * copied and a large buffer is not kept.
 */
import { Buffer } from 'node:buffer';
import { BACKSLASH, COMMA, LOWER_E, MINUS, POINT, QUOTE, SPACE, ZERO } from './json-chars.ts';

/** The most bytes of a number's text, such as "-2.2250738585072014e-308". */
export const MAX_NUMBER_LENGTH = 26;

const POW10 = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

/** The least number for which 10^scale for 9 digits is an exact double. */
const QUICK_MIN = 1e-13;
/** Numbers from here to PLAIN_MAX have no exponent. */
const PLAIN_MIN = 1e-5;
const PLAIN_MAX = 1e7;
/** Digits that tell any two float32 apart. */
const FLOAT32_DIGITS = 9;

const TWO_32 = 2 ** 32;

const KEPT_BYTES = 64 * 1024;

/** A comma and a number. */
const ELEMENT_ROOM = MAX_NUMBER_LENGTH + 1;

const HEX = '0123456789abcdef';

/** 1 for bytes that a string writes as an escape. */
const ESCAPED = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte < SPACE || byte === QUOTE || byte === BACKSLASH),
);

/** Any typed array of plain numbers. */
export interface NumberElements {
  readonly length: number;
  readonly [index: number]: number;
}

export class JsonWriter {
  #out = Buffer.allocUnsafe(KEPT_BYTES);
  #at = 0;

  /** Starts a new text. */
  clear(): void {
    this.#at = 0;
  }

  /** ASCII text that is JSON already. */
  ascii(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#out[this.#at++] = text.charCodeAt(i);
  }

  /** A string, quoted and escaped. Bytes that are not UTF-8 are written as they are. */
  string(bytes: Uint8Array): void {
    let escapes = 0;
    for (let i = 0; i < bytes.length; i++) escapes += ESCAPED[bytes[i]!]!;
    this.#reserve(bytes.length + 5 * escapes + 2);
    this.#out[this.#at++] = QUOTE;
    if (escapes === 0) {
      this.#out.set(bytes, this.#at);
      this.#at += bytes.length;
    } else for (const byte of bytes) this.#character(byte);
    this.#out[this.#at++] = QUOTE;
  }

  /** {"b64":"…"} */
  base64(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    this.ascii('{"b64":"');
    this.#reserve(text.length);
    this.#at += this.#out.write(text, this.#at, 'latin1');
    this.ascii('"}');
  }

  /** The elements `start` to `end` with commas between; so are the lists below. */
  float32s(values: Float32Array, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      this.#reserve(ELEMENT_ROOM);
      if (i > start) this.#out[this.#at++] = COMMA;
      this.#at = writeFloat32(this.#out, this.#at, values[i]!);
    }
  }

  /** Numbers, written by `writeFloat64` or `writeInteger`. */
  numbers(
    write: (out: Buffer, at: number, value: number) => number,
    values: NumberElements,
    start: number,
    end: number,
  ): void {
    for (let i = start; i < end; i++) {
      this.#reserve(ELEMENT_ROOM);
      if (i > start) this.#out[this.#at++] = COMMA;
      this.#at = write(this.#out, this.#at, values[i]!);
    }
  }

  /** 64-bit integers of two words each, the low one first. The high one is signed for int64. */
  longs(words: NumberElements, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      this.#reserve(ELEMENT_ROOM);
      if (i > start) this.#out[this.#at++] = COMMA;
      this.#at = writeLong(this.#out, this.#at, words[2 * i]! >>> 0, words[2 * i + 1]!);
    }
  }

  booleans(values: NumberElements, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      this.#reserve(ELEMENT_ROOM);
      if (i > start) this.#out[this.#at++] = COMMA;
      this.#at = writeAscii(this.#out, this.#at, values[i] === 0 ? 'false' : 'true');
    }
  }

  /** The text; the next one starts empty. */
  take(): Buffer {
    const written = this.#out.subarray(0, this.#at);
    this.#at = 0;
    if (this.#out.length === KEPT_BYTES) return Buffer.from(written);
    this.#out = Buffer.allocUnsafe(KEPT_BYTES);
    return written;
  }

  #character(byte: number): void {
    if (ESCAPED[byte] === 0) this.#out[this.#at++] = byte;
    else if (byte >= SPACE) {
      this.#out[this.#at++] = BACKSLASH;
      this.#out[this.#at++] = byte;
    } else this.#at = writeAscii(this.#out, this.#at, `\\u00${HEX[byte >> 4]}${HEX[byte & 15]}`);
  }

  #reserve(bytes: number): void {
    if (this.#out.length - this.#at >= bytes) return;
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#out.length, this.#at + bytes));
    this.#out.copy(grown, 0, 0, this.#at);
    this.#out = grown;
  }
}

/**
 * Numbers as JSON text, straight into a buffer: the shortest decimal that reads back as the same float32 (that is, as
 * `Math.fround(Number(text))`), float64 as JavaScript prints it, integers exactly.
 *
 * As in TensorFlow Serving, a float has a point or an exponent ("42.0", so that a client's parser sees a float), and
 * NaN, Infinity and -Infinity have no quotes, which is no standard JSON but what its clients read.
 *
 * A float32 in [1e-13, 1e7) is digits / 10^scale, with digits = round(value × 10^scale). 9 digits always read back;
 * fewer are tried one by one, from 8 down. A division, rounded as Number(text) rounds, and a fround tell whether they
 * read back. Only the nearest decimal of each length is tried: if any of that length reads back, the nearest does.
 *
 * Each function writes at an offset where `out` has room for MAX_NUMBER_LENGTH bytes, and returns the offset after it.
 */
export function writeFloat32(out: Buffer, start: number, value: number): number {
  const size = Math.abs(value);
  if (!(size >= QUICK_MIN && size < PLAIN_MAX)) return writeRareFloat32(out, start, value);
  let at = start;
  if (value < 0) out[at++] = MINUS;
  const whole = size | 0;
  if (whole === size) return writePointZero(out, writeDigits(out, at, whole));
  // The number of decimals in a text of 9 digits.
  let scale = FLOAT32_DIGITS;
  if (size >= 1) for (let bound = 1; size >= bound; bound *= 10) scale--;
  else for (let bound = 0.1; size < bound; bound /= 10) scale++;
  let digits = Math.round(size * POW10[scale]!);
  for (let fewer = scale - 1; fewer > 0; fewer--) {
    const shorter = Math.round(size * POW10[fewer]!);
    if (Math.fround(shorter / POW10[fewer]!) !== size) break;
    digits = shorter;
    scale = fewer;
  }
  return size < PLAIN_MIN ? writeTiny(out, at, digits, scale) : writeDecimal(out, at, digits, scale);
}

export function writeFloat64(out: Buffer, at: number, value: number): number {
  if (Number.isInteger(value) && Math.abs(value) < PLAIN_MAX) {
    if (value === 0 && 1 / value < 0) out[at] = MINUS;
    return writePointZero(out, writeInteger(out, 1 / value === -Infinity ? at + 1 : at, value));
  }
  const text = String(value);
  const end = writeAscii(out, at, text);
  // Only the text of a large integer has neither point nor exponent.
  return Number.isInteger(value) && !text.includes('e') ? writePointZero(out, end) : end;
}

/** A safe integer. */
export function writeInteger(out: Buffer, start: number, value: number): number {
  let at = start;
  if (value < 0) out[at++] = MINUS;
  const size = Math.abs(value);
  return size < TWO_32 / 2 ? writeDigits(out, at, size) : writeAscii(out, at, String(size));
}

/** A 64-bit integer, given as two halves. A BigInt is made only if a double cannot hold it. */
export function writeLong(out: Buffer, at: number, low: number, high: number): number {
  const value = high * TWO_32 + low;
  if (Number.isSafeInteger(value)) return writeInteger(out, at, value);
  return writeAscii(out, at, String(BigInt(high) * BigInt(TWO_32) + BigInt(low)));
}

export function writeAscii(out: Buffer, start: number, text: string): number {
  for (let i = 0; i < text.length; i++) out[start + i] = text.charCodeAt(i);
  return start + text.length;
}

/** digits / 10^scale in the form 1.234e-7. */
function writeTiny(out: Buffer, start: number, digits: number, scale: number): number {
  // All digits are written one byte later; then the first one moves before the point.
  const end = writeDigits(out, start + 1, digits);
  const length = end - start - 1;
  out[start] = out[start + 1]!;
  out[start + 1] = POINT;
  const at = length === 1 ? start + 1 : end;
  out[at] = LOWER_E;
  out[at + 1] = MINUS;
  return writeDigits(out, at + 2, scale - length + 1);
}

/** The digits of a non-negative integer below 2^31; leading zeros make them at least `least`. */
function writeDigits(out: Buffer, at: number, value: number, least = 1): number {
  let length = least;
  while (length < 10 && value >= POW10[length]!) length++;
  let rest = value | 0;
  for (let i = at + length - 1; i >= at; i--) {
    const tenth = (rest / 10) | 0;
    out[i] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return at + length;
}

/** digits / 10^scale with `scale` decimals. */
function writeDecimal(out: Buffer, start: number, digits: number, scale: number): number {
  const whole = Math.floor(digits / POW10[scale]!);
  let at = start;
  if (whole === 0) out[at++] = ZERO;
  else at = writeDigits(out, at, whole);
  out[at++] = POINT;
  return writeDigits(out, at, digits - whole * POW10[scale]!, scale);
}

function writePointZero(out: Buffer, at: number): number {
  out[at] = POINT;
  out[at + 1] = ZERO;
  return at + 2;
}

/** Zero, NaN, infinities, and magnitudes outside [QUICK_MIN, PLAIN_MAX). */
function writeRareFloat32(out: Buffer, at: number, value: number): number {
  if (value === 0) return writeAscii(out, at, 1 / value < 0 ? '-0.0' : '0.0');
  if (!Number.isFinite(value)) return writeAscii(out, at, String(value));
  let text = value.toExponential(FLOAT32_DIGITS - 1);
  for (let decimals = FLOAT32_DIGITS - 2; decimals >= 0; decimals--) {
    const shorter = value.toExponential(decimals);
    if (Math.fround(Number(shorter)) !== value) break;
    text = shorter;
  }
  return writeAscii(out, at, text);
}
