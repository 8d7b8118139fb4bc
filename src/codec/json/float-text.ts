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
import type { Buffer } from 'node:buffer';
import { LOWER_E, MINUS, POINT, ZERO } from './json-chars.ts';

/** The most bytes of a number's text, such as "-2.2250738585072014e-308". */
export const MAX_NUMBER_LENGTH = 26;

const POW10 = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

/** Below it, 10^scale for 9 digits is no exact double. */
const QUICK_MIN = 1e-13;
/** Numbers from here to PLAIN_MAX have no exponent. */
const PLAIN_MIN = 1e-5;
const PLAIN_MAX = 1e7;
/** Digits that tell any two float32 apart. */
const FLOAT32_DIGITS = 9;

const TWO_32 = 2 ** 32;

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

/** The digits of a non-negative integer below 2^31. */
function writeDigits(out: Buffer, at: number, value: number): number {
  let length = 1;
  while (length < 10 && value >= POW10[length]!) length++;
  writePadded(out, at, value, length);
  return at + length;
}

/** The last `length` digits of an integer below 2^31, with leading zeros. */
function writePadded(out: Buffer, at: number, value: number, length: number): void {
  let rest = value | 0;
  for (let i = at + length - 1; i >= at; i--) {
    const tenth = (rest / 10) | 0;
    out[i] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
}

/** digits / 10^scale with `scale` decimals. */
function writeDecimal(out: Buffer, start: number, digits: number, scale: number): number {
  const whole = Math.floor(digits / POW10[scale]!);
  let at = start;
  if (whole === 0) out[at++] = ZERO;
  else at = writeDigits(out, at, whole);
  out[at++] = POINT;
  writePadded(out, at, digits - whole * POW10[scale]!, scale);
  return at + scale;
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
