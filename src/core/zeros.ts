/** Tensors of zeros, which any model can be expected to take: 0 is an index into any table. */
import { bytesPerElement, type DType } from './dtype.ts';
import { elementCount, type Shape } from './shape.ts';
import type { TensorSpec } from './signature.ts';
import type { Tensor } from './tensor.ts';

interface FreeDims {
  /** The size of the dim `axis` (default 0), if given. */
  readonly rows?: number;
  readonly axis?: number;
  /** The size of the other free dims. Default 1. */
  readonly free?: number;
}

/** Zeros of the spec's shape. */
export function zeros({ dtype, shape = [] }: TensorSpec, { rows, axis = 0, free = 1 }: FreeDims = {}): Tensor {
  const dims = shape.map((dim, i) => (i === axis && rows !== undefined ? rows : dim === -1 ? free : dim));
  return zerosOf(dtype, dims);
}

/** Zeros; empty strings. */
export function zerosOf(dtype: DType, shape: Shape): Tensor {
  const count = elementCount(shape);
  if (dtype === 'string') return { dtype, shape, data: new Array(count).fill(new Uint8Array(0)) };
  return { dtype, shape, data: new Uint8Array(count * bytesPerElement(dtype)) };
}
