/** Tensors of zeros, which any model can be expected to take: 0 is an index into any table. */
import { bytesPerElement, type DType } from './dtype.ts';
import { elementCount, type Shape } from './shape.ts';
import type { TensorSpec } from './signature.ts';
import type { Tensor } from './tensor.ts';

/** Zeros of the spec's shape; dim 0 is `rows`, if given, and other free dims are 1. */
export function zeros({ dtype, shape: dims = [] }: TensorSpec, rows?: number): Tensor {
  return zerosOf(
    dtype,
    dims.map((dim, i) => (i === 0 && rows !== undefined ? rows : dim === -1 ? 1 : dim)),
  );
}

/** Zeros; empty strings. */
export function zerosOf(dtype: DType, shape: Shape): Tensor {
  const count = elementCount(shape);
  if (dtype === 'string') return { dtype, shape, data: new Array(count).fill(new Uint8Array(0)) };
  return { dtype, shape, data: new Uint8Array(count * bytesPerElement(dtype)) };
}
