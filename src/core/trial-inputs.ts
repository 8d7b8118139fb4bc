/**
 * Inputs of trials: of runs that nobody has asked for, to measure a model, to warm it up or to prove something of it. A
 * model file can declare any shape, so their bytes are counted before there is memory for them.
 */
import { bytesPerElement, type DType } from './dtype.ts';
import { elementCount, type Shape } from './shape.ts';
import type { TensorSpec } from './signature.ts';
import { type TensorMap, zerosOf } from './tensor.ts';

/**
 * The most bytes of the inputs of one trial. An image of a thousand pixels a side fits, and copying as much takes the event
 * loop a few milliseconds.
 */
export const MAX_TRIAL_BYTES = 16 * 2 ** 20;
/** A string is an object on each side of a thread and in the runtime. Copying one takes as long as 1 KiB of numbers. */
const STRING_BYTES = 1024;

/** The bytes that a tensor of a trial counts; Infinity is possible. */
export function trialBytes(dtype: DType, shape: Shape): number {
  return elementCount(shape) * (dtype === 'string' ? STRING_BYTES : bytesPerElement(dtype));
}

/** The size of a dim of an input, which is declared as `dim`; -1 = free. */
export type SizeOfDim = (name: string, index: number, dim: number) => number;

const FREE_IS_ONE: SizeOfDim = (_name, _index, dim) => (dim === -1 ? 1 : dim);

/** Zeros, which any model can be expected to take: 0 is an index into any table. Undefined: more than `maxBytes`. */
export function trialZeros(
  inputs: ReadonlyMap<string, TensorSpec>,
  sizeOf: SizeOfDim = FREE_IS_ONE,
  maxBytes = MAX_TRIAL_BYTES,
): TensorMap | undefined {
  const shapes = [...inputs].map(([name, { dtype, shape = [] }]) => {
    return { name, dtype, shape: shape.map((dim, i) => sizeOf(name, i, dim)) };
  });
  const bytes = shapes.reduce((sum, { dtype, shape }) => sum + trialBytes(dtype, shape), 0);
  if (bytes > maxBytes) return undefined;
  return new Map(shapes.map(({ name, dtype, shape }) => [name, zerosOf(dtype, shape)]));
}
