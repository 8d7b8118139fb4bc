/** Batches of zeros, which any model can be expected to accept: 0 is an index into any table. Free dims are 1. */
import { bytesPerElement } from '../core/dtype.ts';
import type { Batch } from '../core/executor.ts';
import { elementCount } from '../core/shape.ts';
import type { Signature, TensorSpec } from '../core/signature.ts';
import type { Tensor } from '../core/tensor.ts';

/** Zeros of the signature's shapes, with `rows` rows when its batch axis is dynamic. */
export function syntheticBatch(signatureName: string, { inputs, outputs, batchAxis }: Signature, rows: number): Batch {
  const tensors = new Map<string, Tensor>();
  for (const [name, spec] of inputs) tensors.set(name, zeros(spec, batchAxis.kind === 'dynamic' ? rows : undefined));
  return { signatureName, inputs: tensors, outputs: [...outputs.keys()], size: rows, deadline: Infinity };
}

/** Zeros of the spec's shape; dim 0 is `rows`, if given. */
export function zeros({ dtype, shape: dims = [] }: TensorSpec, rows?: number): Tensor {
  const shape = dims.map((dim, i) => (i === 0 && rows !== undefined ? rows : dim === -1 ? 1 : dim));
  const count = elementCount(shape);
  if (dtype === 'string') return { dtype, shape, data: new Array(count).fill(new Uint8Array(0)) };
  return { dtype, shape, data: new Uint8Array(count * bytesPerElement(dtype)) };
}
