/**
 * Decimal digits four at a time, as a 32-bit word read in little-endian order, so that the first character is its lowest
 * byte (after Daniel Lemire, "Quickly parsing eight digits", 2018):
 *
 *   "1234" ─▶ ^ "0000" ─▶ 04 03 02 01 ─▶ pairs: 10·1+2, 10·3+4 ─▶ 100·12 + 34 = 1234
 *
 * Bytes that are no digits do not become 0 to 9 by the first step, whatever they are.
 */
const ZEROS = 0x30303030;
const LOW_BITS = 0x7f7f7f7f;
const HIGH_BITS = 0x80808080;
/** Takes a byte of 10 or more past 127. */
const PAST_NINE = 0x76767676;

/** What the other functions take: the four characters less "0000". */
export function asDigits(word: number): number {
  return word ^ ZEROS;
}

/** How many of the four are digits, from the first on. */
export function digitsAhead(digits: number): number {
  const others = (((digits & LOW_BITS) + PAST_NINE) | digits) & HIGH_BITS;
  return others === 0 ? 4 : (31 - Math.clz32(others & -others)) >> 3;
}

/** Their number; `count` of the four are digits, at least one. */
export function numberOf(digits: number, count: number): number {
  // What is not wanted leaves at the top; zeros come in where digits of higher places would be.
  const wanted = digits << (8 * (4 - count));
  const pairs = (Math.imul(wanted, 10 * 256 + 1) >>> 8) & 0x00ff00ff;
  return Math.imul(pairs, 100 * 65_536 + 1) >>> 16;
}
