/** Batches of zeros. */
import type { Batch } from '../core/executor.ts';
import { axisOf, type Signature } from '../core/signature.ts';
import type { Tensor } from '../core/tensor.ts';
import { zeros } from '../core/zeros.ts';

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
