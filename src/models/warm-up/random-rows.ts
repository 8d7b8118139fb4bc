/**
 * Random rows in the ranges that models are fed with. The sequence of a seed is always the same, so that a proof can be
 * repeated.
 */
import { Buffer } from 'node:buffer';
import { bytesPerElement, type NumericDType, typedArrayOf } from '../../core/dtype.ts';
import { elementCount, type Shape } from '../../core/shape.ts';
import type { TensorSpec } from '../../core/signature.ts';
import { BFLOAT16, FLOAT16, toSmallFloat } from '../../core/small-float.ts';
import type { Tensor } from '../../core/tensor.ts';

/** Returns numbers in [0, 1). */
export type Random = () => number;

/** How the values of one round are drawn. */
export interface ValueRange {
  readonly floats: FloatRange;
  /** Integers are drawn from 0 to below this, as tokens of a vocabulary are: half of them small, the others of any size. */
  readonly integersBelow: number;
}

type FloatRange = 'signed' | 'unit' | 'normal' | 'pixel' | 'wide' | 'ten' | 'tiny';
export const FLOAT_RANGES: readonly FloatRange[] = ['signed', 'unit', 'normal', 'pixel'];
/** Ranges for models whose output is the same in all of those: a tree's thresholds may be elsewhere. */
export const FURTHER_RANGES: readonly FloatRange[] = ['wide', 'ten', 'tiny'];
/** The widest that a model accepts is used: a smaller range where indices into a table are refused. */
export const INTEGER_RANGES: readonly number[] = [2, 10, 100, 1000];
/**
 * Tried as well where the graph has been read: no size within it comes from values then. Elsewhere an integer may be one,
 * and the model would ask for that much memory.
 */
export const WIDE_INTEGER_RANGES: readonly number[] = [10_000, 100_000, 2 ** 31];
/** All integers below this are as likely. */
const SMALL_INTEGERS = 1000;

const DRAW_FLOAT: Readonly<Record<FloatRange, (random: Random) => number>> = {
  signed: (random) => 2 * random() - 1,
  unit: (random) => random(),
  // Box and Muller.
  normal: (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  pixel: (random) => 255 * random(),
  // Each order of magnitude from 0.01 to 100 is as likely.
  wide: (random) => (random() < 0.5 ? -1 : 1) * 10 ** (4 * random() - 2),
  ten: (random) => 10 * random(),
  tiny: (random) => 0.1 * (2 * random() - 1),
};

/** Inputs that say which elements count, or of which kind they are, hold 0 and 1 in any model. */
export const FLAG_NAME = /mask|flag|segment|type_id/i;

/** Mulberry32, by Tommy Ettinger: fast, and random enough for values. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A tensor of the input's dtype and of `shape`. */
export function randomTensor(name: string, spec: TensorSpec, shape: Shape, range: ValueRange, random: Random): Tensor {
  const { dtype } = spec;
  const count = elementCount(shape);
  if (dtype === 'string') return { dtype, shape, data: randomTexts(count, random) };
  const draw = drawOf(name, dtype, range, random);
  if (count <= DRAWN_NUMBERS) return { dtype, shape, data: bytesOf(dtype, count, draw) };
  return {
    dtype,
    shape,
    data: shuffledBytes(bytesOf(dtype, DRAWN_NUMBERS, draw), count * bytesPerElement(dtype), random),
  };
}

/** A large tensor repeats pieces of so many numbers: drawing millions would keep the event loop from requests. */
const DRAWN_NUMBERS = 2 ** 14;
/** No element is longer. */
const ELEMENT_BYTES = 8;

/** Pieces of `drawn`, of random lengths from random places. */
function shuffledBytes(drawn: Uint8Array, byteLength: number, random: Random): Uint8Array {
  const data = new Uint8Array(byteLength);
  const units = drawn.length / ELEMENT_BYTES;
  for (let at = 0; at < byteLength; ) {
    const start = Math.floor(random() * (units - 1));
    const piece = drawn.subarray(start * ELEMENT_BYTES).subarray(0, byteLength - at);
    data.set(piece, at);
    at += piece.length;
  }
  return data;
}

/** The float tensor with each number multiplied by `factor`; undefined for other dtypes. */
export function scaled(tensor: Tensor, numbers: ArrayLike<number | bigint>, factor: number): Tensor | undefined {
  const { dtype, shape } = tensor;
  if (dtype === 'string' || !isFloat(dtype)) return undefined;
  let i = 0;
  return { dtype, shape, data: bytesOf(dtype, numbers.length, () => Number(numbers[i++]) * factor) };
}

/** A tensor of the largest integers that are drawn for its type; undefined for other dtypes, and for flags. */
export function largestIntegers(name: string, { dtype, shape }: Tensor): Tensor | undefined {
  if (dtype === 'string' || dtype === 'bool' || isFloat(dtype) || FLAG_NAME.test(name)) return undefined;
  return { dtype, shape, data: bytesOf(dtype, elementCount(shape), () => mostOf(dtype)) };
}

/** A tensor of the numbers that `valueAt` gives for each element. */
export function tensorBy(dtype: NumericDType, shape: Shape, valueAt: (index: number) => number): Tensor {
  let index = 0;
  return { dtype, shape, data: bytesOf(dtype, elementCount(shape), () => valueAt(index++)) };
}

export function isFloat(dtype: string): boolean {
  return dtype === 'float16' || dtype === 'bfloat16' || dtype === 'float32' || dtype === 'float64';
}

function drawOf(name: string, dtype: NumericDType, range: ValueRange, random: Random): () => number {
  if (isFloat(dtype)) {
    const draw = DRAW_FLOAT[range.floats];
    return FLAG_NAME.test(name) ? () => Math.round(random()) : () => draw(random);
  }
  // Bytes are more often pixels than tokens.
  const most = dtype === 'bool' || FLAG_NAME.test(name) ? 2 : dtype === 'uint8' ? 256 : range.integersBelow;
  const below = Math.min(most, mostOf(dtype) + 1);
  if (below <= SMALL_INTEGERS) return () => Math.floor(random() * below);
  return () => Math.floor(random() < 0.5 ? random() * SMALL_INTEGERS : below ** random());
}

/** The largest integer that is drawn for the type. */
function mostOf(dtype: NumericDType): number {
  switch (dtype) {
    case 'bool':
      return 1;
    case 'int8':
      return 2 ** 7 - 1;
    case 'uint8':
      return 2 ** 8 - 1;
    case 'int16':
      return 2 ** 15 - 1;
    case 'uint16':
      return 2 ** 16 - 1;
    default:
      return 2 ** 31 - 1;
  }
}

function bytesOf(dtype: NumericDType, count: number, draw: () => number): Uint8Array {
  const data = new Uint8Array(count * bytesPerElement(dtype));
  const numbers = new (typedArrayOf(dtype))(data.buffer, 0, count);
  if (numbers instanceof BigInt64Array || numbers instanceof BigUint64Array) {
    for (let i = 0; i < count; i++) numbers[i] = BigInt(draw());
    return data;
  }
  const format = dtype === 'float16' ? FLOAT16 : dtype === 'bfloat16' ? BFLOAT16 : undefined;
  for (let i = 0; i < count; i++) numbers[i] = format === undefined ? draw() : toSmallFloat(format, draw());
  return data;
}

/** A large tensor has a text several times, for the same reason as numbers. */
const DRAWN_TEXTS = 2 ** 10;

function randomTexts(count: number, random: Random): readonly Uint8Array[] {
  const drawn = Array.from({ length: Math.min(count, DRAWN_TEXTS) }, () => randomText(random));
  return Array.from({ length: count }, (_, i) => drawn[i] ?? drawn[Math.floor(random() * drawn.length)]!);
}

/** One to three words of one to eight letters. */
function randomText(random: Random): Uint8Array {
  const word = (): string =>
    Array.from({ length: 1 + Math.floor(random() * 8) }, () =>
      String.fromCharCode(0x61 + Math.floor(random() * 26)),
    ).join('');
  return Buffer.from(Array.from({ length: 1 + Math.floor(random() * 3) }, word).join(' '));
}
