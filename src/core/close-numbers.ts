/**
 * When two runs of the same model agree. Floats may differ by ABSOLUTE + RELATIVE × |the one that is right|: another
 * machine, batch size, runtime or version of it adds in another order. A 16-bit float may differ by two of its last places
 * instead. NaN is equal to NaN, an infinity to itself alone; every other dtype must be equal to the bit.
 */
import type { NumericDType } from './dtype.ts';
import { BFLOAT16, FLOAT16, fromSmallFloat } from './small-float.ts';
import { elements, type NumericTensor } from './tensor.ts';

export const ABSOLUTE_TOLERANCE = 1e-5;
/** Of the float dtypes, and of no others. */
export const RELATIVE_TOLERANCE: Readonly<Partial<Record<NumericDType, number>>> = {
  float32: 1e-4,
  float64: 1e-4,
  float16: 2 ** -9,
  bfloat16: 2 ** -6,
};

/** Is `x` close enough to `y`, by the rule above? */
export function isClose(x: number, y: number, relative: number): boolean {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) && Number.isNaN(y);
  // Of infinities only the same ones are equal.
  if (!Number.isFinite(x) || !Number.isFinite(y)) return x === y;
  return Math.abs(x - y) <= ABSOLUTE_TOLERANCE + relative * Math.abs(y);
}

/** What an element as `elements()` gives it stands for: of a 16-bit float that is its pattern, else it itself. */
export function decoderOf(dtype: NumericDType): (element: number | bigint) => number {
  if (dtype !== 'float16' && dtype !== 'bfloat16') return Number;
  const format = dtype === 'float16' ? FLOAT16 : BFLOAT16;
  return (pattern) => fromSmallFloat(format, Number(pattern));
}

/** The elements as the numbers that they stand for: 16-bit floats too. A view or a copy. */
export function numbersOf(tensor: NumericTensor): ArrayLike<number | bigint> {
  const values = elements(tensor);
  if (tensor.dtype !== 'float16' && tensor.dtype !== 'bfloat16') return values;
  return Float64Array.from(values as Uint16Array, decoderOf(tensor.dtype));
}
