/**
 * Decimal text → the same double as `Number(text)`, without making a string.
 *
 *   -0.0012345678 90123456 e-3       head = the first 9 digits without leading zeros, tail = at most 9 more
 *           head    tail             scale = decimals minus exponent
 *
 *   value = (head × 10^tailDigits + tail) / 10^scale
 *
 * Head and tail are added up as 32-bit integers, digit by digit.
 * - Up to 15 digits: numerator and power of ten are exact doubles, so one division or product rounds once.
 * - 16 to 18 digits (most clients print 17): head / 10^n with its exact remainder gives the value as an unrounded sum
 *   of two doubles.
 * - `Number(text)` reads the rest: more digits, powers outside ±22, or sums whose own rounding could change the last
 *   bit.
 *
 * number-rows.ts sweeps most lists of numbers; this class reads the numbers that a sweep leaves.
 */
import type { Buffer } from 'node:buffer';
import { asciiText, LOWER_E, MINUS, PLUS, POINT, UPPER_E, ZERO } from './json-chars.ts';

/** Powers of ten that are exact doubles. */
const MAX_EXACT_POWER = 22;
const POW10 = Float64Array.from({ length: MAX_EXACT_POWER + 1 }, (_, i) => Number(`1e${i}`));
/** Approximately 10^-i: a product is cheaper than a division where an error is allowed. */
const TENTHS = POW10.map((power) => 1 / power);

/** The most digits that always fit a 32-bit integer. */
const PART_DIGITS = 9;
/** The most digits of a tail with which head × 10^tailDigits + tail stays below 2^53. */
const MAX_EXACT_TAIL = 15 - PART_DIGITS;
/** Larger exponents are cut to this: the number is 0 or too large in any case. */
const MAX_EXPONENT = 1e6;

/** It splits a double into halves of 26 bits (Dekker), whose products are exact. */
const SPLITTER = 2 ** 27 + 1;
/** A bound of the relative error of `rest` in `quotient`: a few roundings of 2^-53 each. */
const REST_ERROR = 2 ** -50;

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

export class NumberReader {
  /** Was the last number written without fraction and exponent? */
  isInteger = false;
  /** Did it have so few digits that an integer is exact as a double? */
  isShort = false;
  #end = 0;

  /**
   * Writes the number at `start` to `out[index]` (a returned double would be boxed) and returns the offset after its
   * text; -1 for NaN, Infinity or a syntax error.
   */
  read(bytes: Buffer, start: number, out: Float64Array, index: number): number {
    const isNegative = bytes[start] === MINUS;
    const first = isNegative ? start + 1 : start;
    let head = this.#digits(bytes, first, first + PART_DIGITS, 0);
    let at = this.#end;
    const headDigits = at - first;
    if (headDigits === 0 || (headDigits > 1 && bytes[first] === ZERO)) return -1;
    let tail = 0;
    let tailStart = at;
    let scale = 0;
    this.isInteger = bytes[at] !== POINT;
    if (this.isInteger) {
      if (headDigits === PART_DIGITS) tail = this.#digits(bytes, at, at + PART_DIGITS, 0);
    } else {
      let from = at + 1;
      let room = PART_DIGITS - headDigits;
      if (head === 0) {
        while (bytes[from] === ZERO) from++;
        room = PART_DIGITS;
      }
      head = this.#digits(bytes, from, from + room, head);
      tailStart = this.#end;
      if (tailStart === from + room) tail = this.#digits(bytes, tailStart, tailStart + PART_DIGITS, 0);
      scale = this.#end - at - 1;
      if (scale === 0) return -1;
    }
    at = this.#end;
    const next = bytes[at]!;
    // The parts are full and a digit follows, or there is a second point.
    if ((next ^ ZERO) <= 9 || next === POINT) return this.#slow(bytes, start, out, index);
    const tailDigits = at - tailStart;
    if (next === LOWER_E || next === UPPER_E) scale -= this.#exponent(bytes, at + 1);
    this.isShort = tailDigits <= MAX_EXACT_TAIL;
    const value = this.isShort
      ? scaled(head * POW10[tailDigits]! + tail, scale)
      : quotient(head, tail, tailDigits, scale);
    if (Number.isNaN(value)) return this.#slow(bytes, start, out, index);
    // A zero keeps its sign, as in Number('-0').
    out[index] = isNegative ? -value : value;
    return this.#end;
  }

  /** Appends the digits from `start` to at most `stop` to `value`, and sets `#end` to the offset after them. */
  #digits(bytes: Buffer, start: number, stop: number, value: number): number {
    let at = start;
    let sum = value;
    while (at < stop) {
      // A digit's byte is 0x30 to 0x39. Any other byte, or none, becomes more than 9.
      const digit = bytes[at]! ^ ZERO;
      if (digit > 9) break;
      sum = (sum * 10 + digit) | 0;
      at++;
    }
    this.#end = at;
    return sum;
  }

  #exponent(bytes: Buffer, start: number): number {
    this.isInteger = false;
    const isNegative = bytes[start] === MINUS;
    const first = isNegative || bytes[start] === PLUS ? start + 1 : start;
    let at = first;
    let exponent = 0;
    for (let digit = bytes[at]! ^ ZERO; digit <= 9; digit = bytes[++at]! ^ ZERO) {
      exponent = Math.min(exponent * 10 + digit, MAX_EXPONENT);
    }
    this.#end = at;
    // NaN sends the number to `#slow`, which refuses it.
    if (at === first) return NaN;
    return isNegative ? -exponent : exponent;
  }

  #slow(bytes: Buffer, start: number, out: Float64Array, index: number): number {
    let end = start;
    while (isNumberByte(bytes[end])) end++;
    const text = asciiText(bytes, start, end);
    const match = JSON_NUMBER.exec(text);
    const value = Number(text);
    // The strict walk explains a number that is too large for a double.
    if (match === null || !Number.isFinite(value)) return -1;
    this.isInteger = match[1] === undefined && match[2] === undefined;
    this.isShort = false;
    out[index] = value;
    return end;
  }
}

function isNumberByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const isSign = byte === MINUS || byte === PLUS;
  return (byte ^ ZERO) <= 9 || isSign || byte === POINT || byte === LOWER_E || byte === UPPER_E;
}

/** numerator / 10^scale, rounded once; NaN if the power is no exact double. */
function scaled(numerator: number, scale: number): number {
  if (scale === 0) return numerator;
  if (scale > 0) return scale <= MAX_EXACT_POWER ? numerator / POW10[scale]! : NaN;
  return -scale <= MAX_EXACT_POWER ? numerator * POW10[-scale]! : NaN;
}

/** (head × 10^tailDigits + tail) / 10^scale, rounded once; NaN if two doubles cannot decide. */
function quotient(head: number, tail: number, tailDigits: number, scale: number): number {
  const headScale = scale - tailDigits;
  if (!(headScale >= 0 && scale <= MAX_EXACT_POWER)) return NaN;
  const power = POW10[headScale]!;
  const first = head / power;
  // first × power is exactly product + error (Dekker), so the remainder is exact too.
  const product = first * power;
  let t = SPLITTER * first;
  const firstHigh = t - (t - first);
  const firstLow = first - firstHigh;
  t = SPLITTER * power;
  const powerHigh = t - (t - power);
  const powerLow = power - powerHigh;
  const error = firstLow * powerLow - (product - firstHigh * powerHigh - firstLow * powerHigh - firstHigh * powerLow);
  const remainder = (head - product - error) * TENTHS[headScale]!;
  const small = tail * TENTHS[scale]!;
  const rest = remainder + small;
  const doubt = (Math.abs(remainder) + small) * REST_ERROR;
  const value = first + (rest - doubt);
  return value === first + (rest + doubt) ? value : NaN;
}
