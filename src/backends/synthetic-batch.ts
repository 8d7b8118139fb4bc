/** Batches of zeros, which any model can be expected to accept: 0 is an index into any table. */
import { bytesPerElement } from '../core/dtype.ts';
import type { Batch } from '../core/executor.ts';
import { elementCount } from '../core/shape.ts';
import type { Signature, TensorSpec } from '../core/signature.ts';
import type { Tensor } from '../core/tensor.ts';

/** Zeros of the signature's shapes, with `rows` rows when its batch axis is dynamic. Other free dims are `free`. */
export function syntheticBatch(
  signatureName: string,
  { inputs, outputs, batchAxis }: Signature,
  rows: number,
  free = 1,
): Batch {
  const tensors = new Map<string, Tensor>();
  const isDynamic = batchAxis.kind === 'dynamic';
  for (const [name, spec] of inputs) tensors.set(name, zeros(spec, isDynamic ? rows : undefined, free));
  return { signatureName, inputs: tensors, outputs: [...outputs.keys()], size: rows, deadline: Infinity };
}

/** Zeros of the spec's shape; dim 0 is `rows`, if given, and other free dims are `free`. */
export function zeros({ dtype, shape: dims = [] }: TensorSpec, rows?: number, free = 1): Tensor {
  const shape = dims.map((dim, i) => (i === 0 && rows !== undefined ? rows : dim === -1 ? free : dim));
  const count = elementCount(shape);
  if (dtype === 'string') return { dtype, shape, data: new Array(count).fill(new Uint8Array(0)) };
  return { dtype, shape, data: new Uint8Array(count * bytesPerElement(dtype)) };
}
