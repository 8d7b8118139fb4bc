/** Batches of zeros. Free dims are 1. */
import type { Batch } from '../core/executor.ts';
import type { Signature } from '../core/signature.ts';
import type { Tensor } from '../core/tensor.ts';
import { zeros } from '../core/zeros.ts';

/** Zeros of the signature's shapes, with `rows` rows when its batch axis is dynamic. */
export function syntheticBatch(signatureName: string, { inputs, outputs, batchAxis }: Signature, rows: number): Batch {
  const tensors = new Map<string, Tensor>();
  for (const [name, spec] of inputs) tensors.set(name, zeros(spec, batchAxis.kind === 'dynamic' ? rows : undefined));
  return { signatureName, inputs: tensors, outputs: [...outputs.keys()], size: rows, deadline: Infinity };
}
