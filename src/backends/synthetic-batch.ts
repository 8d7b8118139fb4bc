/** Batches of zeros, which any model can be expected to accept: 0 is an index into any table. Free dims are 1. */
import { bytesPerElement } from '../core/dtype.ts';
import type { Batch } from '../core/executor.ts';
import { elementCount } from '../core/shape.ts';
import { axisOf, type Signature, type TensorSpec } from '../core/signature.ts';
import type { Tensor } from '../core/tensor.ts';

/** Zeros of the signature's shapes, with `rows` rows when its batch axis is dynamic. */
export function syntheticBatch(signatureName: string, signature: Signature, rows: number): Batch {
  const { inputs, outputs, batchAxis, batchAxes } = signature;
  const tensors = new Map<string, Tensor>();
  for (const [name, spec] of inputs) {
    const axis = batchAxis.kind === 'dynamic' ? axisOf(batchAxes, name) : 'same';
    tensors.set(name, axis === 'same' ? zeros(spec) : zeros(spec, rows, axis));
  }
  return { signatureName, inputs: tensors, outputs: [...outputs.keys()], size: rows, deadline: Infinity };
}

/** Zeros of the spec's shape; the dim `axis` is `rows`, if given. */
export function zeros({ dtype, shape: dims = [] }: TensorSpec, rows?: number, axis = 0): Tensor {
  const shape = dims.map((dim, i) => (i === axis && rows !== undefined ? rows : dim === -1 ? 1 : dim));
  const count = elementCount(shape);
  if (dtype === 'string') return { dtype, shape, data: new Array(count).fill(new Uint8Array(0)) };
  return { dtype, shape, data: new Uint8Array(count * bytesPerElement(dtype)) };
}
