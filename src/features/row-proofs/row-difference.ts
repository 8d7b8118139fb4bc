/**
 * When two outputs for the same row count as the same. At another batch size a runtime may add floats in another order,
 * so floats may differ by a share of their usual magnitude. The share is far below the effect of a normalization, a
 * softmax or a quantization scale over the rows, and above the rounding of a deep network. Integers, strings and bool
 * must be equal, NaN equals NaN, and an infinity equals itself alone.
 *
 * The magnitude is that of the same element in the other rows, so that scores beside coordinates are judged as scores.
 * It is at least a hundredth of the output's largest: zeros of a ReLU may become the rounding of their neighbours.
 */
import { Buffer } from 'node:buffer';
import { numbersOf } from '../../core/close-numbers.ts';
import type { DType } from '../../core/dtype.ts';
import { shapesEqual } from '../../core/shape.ts';
import type { NumericTensor, Tensor } from '../../core/tensor.ts';

/** The largest difference that counts as the same, relative to the magnitude. Only float dtypes have one. */
const TOLERANCE: Readonly<Partial<Record<DType, number>>> = {
  float32: 5e-4,
  // Often float32 inside.
  float64: 1e-6,
  float16: 1e-2,
  bfloat16: 4e-2,
};
const SMALLEST_SHARE = 0.01;

/** The same for rows that were padded, whose sums differ by zeros alone. Float dtypes of 16 bits are not that exact. */
const PADDING_TOLERANCE: typeof TOLERANCE = { ...TOLERANCE, float32: 1e-5 };

/** Padding may change an output by so many times what company alone changes, and by so many times the tolerance. */
const ROUNDING_FACTOR = 4;
const MOST_ROUNDING_FACTOR = 4;

/** The magnitudes of an output's elements, over rows that were run alone. Undefined where values must be equal. */
export type Magnitudes = Float64Array | undefined;

/** `rows` have one dtype and shape. */
export function magnitudesOf(rows: readonly Tensor[]): Magnitudes {
  const first = rows[0]!;
  if (TOLERANCE[first.dtype] === undefined) return undefined;
  let largest = 0;
  const magnitudes = new Float64Array(numbersOf(first as NumericTensor).length);
  for (const row of rows) {
    const numbers = numbersOf(row as NumericTensor);
    for (let i = 0; i < numbers.length; i++) {
      const size = Math.abs(Number(numbers[i]));
      if (size > magnitudes[i]! && size !== Infinity) magnitudes[i] = size;
      if (size > largest && size !== Infinity) largest = size;
    }
  }
  const least = SMALLEST_SHARE * largest;
  return magnitudes.map((size) => Math.max(size, least));
}

/**
 * How far `found` is from `wanted`, relative to the magnitudes; 0 = the same within the rounding. Infinity where dtype
 * or shape differ, or values that must be equal.
 */
export function rowDifference(
  wanted: Tensor,
  found: Tensor,
  magnitudes: Magnitudes,
  tolerance = TOLERANCE[wanted.dtype],
): number {
  if (wanted.dtype !== found.dtype || !shapesEqual(wanted.shape, found.shape)) return Infinity;
  if (wanted.dtype === 'string') {
    const other = found.data as readonly Uint8Array[];
    return wanted.data.every((bytes, i) => Buffer.compare(bytes, other[i]!) === 0) ? 0 : Infinity;
  }
  if (tolerance === undefined || magnitudes === undefined) {
    return Buffer.compare(wanted.data, (found as NumericTensor).data) === 0 ? 0 : Infinity;
  }
  return floatDifference(numbersOf(wanted), numbersOf(found as NumericTensor), magnitudes, tolerance);
}

/**
 * How far an output of a row that was padded is from that of the row alone, relative to the output's largest number; 0 =
 * the same within the rounding. Else as `rowDifference`. `rounding`: what company alone has changed (`roundingOf`).
 */
export function paddingDifference(wanted: Tensor, found: Tensor, rounding = 0): number {
  const base = PADDING_TOLERANCE[wanted.dtype];
  const tolerance = base && Math.min(Math.max(base, ROUNDING_FACTOR * rounding), MOST_ROUNDING_FACTOR * base);
  return rowDifference(wanted, found, largestOf(wanted), tolerance);
}

/** How far two outputs for the same row are apart, relative to the largest number; 0 where values must be equal. */
export function roundingOf(wanted: Tensor, found: Tensor): number {
  const tolerance = PADDING_TOLERANCE[wanted.dtype];
  const difference = tolerance === undefined ? 0 : rowDifference(wanted, found, largestOf(wanted), 0);
  return Number.isFinite(difference) ? difference : 0;
}

function largestOf(tensor: Tensor): Magnitudes {
  const own = magnitudesOf([tensor]);
  const largest = own?.reduce((most, size) => Math.max(most, size), 0) ?? 0;
  return own?.fill(largest);
}

function floatDifference(
  wanted: ArrayLike<number | bigint>,
  found: ArrayLike<number | bigint>,
  magnitudes: Float64Array,
  tolerance: number,
): number {
  let largest = 0;
  for (let i = 0; i < wanted.length; i++) {
    const [x, y] = [Number(wanted[i]), Number(found[i])];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    const relative = Math.abs(x - y) / magnitudes[i]!;
    if (relative <= tolerance) continue;
    // A comparison with NaN is false, so that NaN and infinite values differ as well.
    largest = Math.max(largest, relative >= 0 ? relative : Infinity);
  }
  return largest;
}
