/**
 * 16-bit floats as bit patterns ↔ numbers: float16 (5 exponent bits, 10 of mantissa) and bfloat16 (8 and 7).
 *
 *   sign │ exponent │ mantissa      value = ± 1.mantissa × 2^(exponent - bias); below 2^minExponent no leading 1
 *
 * A double is rounded once, to the nearest, ties to even. Too large a number becomes infinity, as for float32.
 */

export interface SmallFloat {
  readonly mantissaBits: number;
  /** The exponent of the smallest normal number. */
  readonly minExponent: number;
  /** The pattern of infinity: all exponent bits are set. */
  readonly infinity: number;
}

export const FLOAT16: SmallFloat = { mantissaBits: 10, minExponent: -14, infinity: 0x7c00 };
export const BFLOAT16: SmallFloat = { mantissaBits: 7, minExponent: -126, infinity: 0x7f80 };

const SIGN = 0x8000;
const double = new Float64Array(1);
const doubleWords = new Uint32Array(double.buffer);

/** The pattern of the nearest number in `format`. */
export function toSmallFloat(format: SmallFloat, value: number): number {
  const { mantissaBits, minExponent, infinity } = format;
  if (Number.isNaN(value)) return infinity | (1 << (mantissaBits - 1));
  double[0] = value;
  const high = doubleWords[1]!;
  const sign = (high >>> 16) & SIGN;
  const exponent = Math.max(((high >>> 20) & 0x7ff) - 1023, minExponent);
  if (exponent > -minExponent + 1) return sign | infinity;
  // The value in units of the last place: scaling by a power of two is exact.
  const units = Math.abs(value) * 2 ** (mantissaBits - exponent);
  let whole = Math.floor(units);
  const rest = units - whole;
  if (rest > 0.5 || (rest === 0.5 && whole % 2 === 1)) whole++;
  // The leading 1 of a normal number adds one to the exponent field, as does a carry out of the mantissa.
  const pattern = (exponent - minExponent) * 2 ** mantissaBits + whole;
  return sign | Math.min(pattern, infinity);
}

/** The exact number of a pattern. */
export function fromSmallFloat(format: SmallFloat, pattern: number): number {
  const { mantissaBits, minExponent, infinity } = format;
  const sign = pattern & SIGN ? -1 : 1;
  const magnitude = pattern & ~SIGN;
  if (magnitude >= infinity) return magnitude === infinity ? sign * Infinity : NaN;
  const field = magnitude >> mantissaBits;
  const mantissa = magnitude & ((1 << mantissaBits) - 1);
  if (field === 0) return sign * mantissa * 2 ** (minExponent - mantissaBits);
  return sign * (mantissa + (1 << mantissaBits)) * 2 ** (minExponent + field - 1 - mantissaBits);
}
