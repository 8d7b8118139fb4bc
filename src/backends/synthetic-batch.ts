/** Batches of zeros, which any model can be expected to accept: 0 is an index into any table. */
import { bytesPerElement } from '../core/dtype.ts';
import type { Batch } from '../core/executor.ts';
import { elementCount } from '../core/shape.ts';
import { axisOf, type Signature, type TensorSpec } from '../core/signature.ts';
import type { Tensor } from '../core/tensor.ts';

/**
 * Zeros of the signature's shapes, with `rows` rows when its batch axis is dynamic. Other free dims are `free`.
 */
export function syntheticBatch(signatureName: string, signature: Signature, rows: number, free = 1): Batch {
  const { inputs, outputs, batchAxis, batchAxes } = signature;
  const tensors = new Map<string, Tensor>();
  for (const [name, spec] of inputs) {
    const axis = batchAxis.kind === 'dynamic' ? axisOf(batchAxes, name) : 'same';
    tensors.set(name, axis === 'same' ? zeros(spec, { free }) : zeros(spec, { rows, axis, free }));
  }
  return { signatureName, inputs: tensors, outputs: [...outputs.keys()], size: rows, deadline: Infinity };
}

interface FreeDims {
  /** The size of the dim `axis` (default 0), if given. */
  readonly rows?: number;
  readonly axis?: number;
  /** The size of the other free dims. Default 1. */
  readonly free?: number;
}

/** Zeros of the spec's shape. */
export function zeros({ dtype, shape: dims = [] }: TensorSpec, { rows, axis = 0, free = 1 }: FreeDims = {}): Tensor {
  const shape = dims.map((dim, i) => (i === axis && rows !== undefined ? rows : dim === -1 ? free : dim));
  const count = elementCount(shape);
  if (dtype === 'string') return { dtype, shape, data: new Array(count).fill(new Uint8Array(0)) };
  return { dtype, shape, data: new Uint8Array(count * bytesPerElement(dtype)) };
}
