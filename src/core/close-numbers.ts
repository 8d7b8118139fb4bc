/**
 * Decides when two runs of the same model agree. Another machine, batch size or runtime adds floats in another order,
 * so floats may differ by ABSOLUTE + RELATIVE × |expected|; for a 16-bit float RELATIVE is two units of its last place.
 * NaN equals NaN and an infinity equals itself alone. Every other dtype must be equal to the bit.
 */
import type { NumericDType } from './dtype.ts';
import { BFLOAT16, FLOAT16, fromSmallFloat } from './small-float.ts';
import { elements, type NumericTensor } from './tensor.ts';

export const ABSOLUTE_TOLERANCE = 1e-5;
/** Only float dtypes have one. */
export const RELATIVE_TOLERANCE: Readonly<Partial<Record<NumericDType, number>>> = {
  float32: 1e-4,
  float64: 1e-4,
  float16: 2 ** -9,
  bfloat16: 2 ** -6,
};

/** Whether `x` is close enough to the expected `y`, by the rule above. */
export function isClose(x: number, y: number, relative: number): boolean {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) && Number.isNaN(y);
  // An infinity equals itself alone.
  if (!Number.isFinite(x) || !Number.isFinite(y)) return x === y;
  return Math.abs(x - y) <= ABSOLUTE_TOLERANCE + relative * Math.abs(y);
}

/** Turns an element of `elements()` into its number; an element of a 16-bit float is a bit pattern. */
export function decoderOf(dtype: NumericDType): (element: number | bigint) => number {
  if (dtype !== 'float16' && dtype !== 'bfloat16') return Number;
  const format = dtype === 'float16' ? FLOAT16 : BFLOAT16;
  return (pattern) => fromSmallFloat(format, Number(pattern));
}

/** The elements as numbers, 16-bit floats decoded. A view or a copy. */
export function numbersOf(tensor: NumericTensor): ArrayLike<number | bigint> {
  const values = elements(tensor);
  if (tensor.dtype !== 'float16' && tensor.dtype !== 'bfloat16') return values;
  return Float64Array.from(values as Uint16Array, decoderOf(tensor.dtype));
}
