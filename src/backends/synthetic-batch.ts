/** Batches of zeros. */
import type { Batch } from '../core/executor.ts';
import { axisOf, type Signature } from '../core/signature.ts';
import { trialZeros } from '../core/trial-inputs.ts';

export interface SyntheticSize {
  /** The rows, if the signature has a dynamic batch axis. */
  readonly rows: number;
  /** The size of other free dims. Default: 1. */
  readonly free?: number;
  /** Default: MAX_TRIAL_BYTES. */
  readonly maxBytes?: number;
}

/** Zeros of the signature's shapes. Undefined: they would take more than `maxBytes`, and are not made. */
export function syntheticBatch(
  signatureName: string,
  signature: Signature,
  { rows, free = 1, maxBytes }: SyntheticSize,
): Batch | undefined {
  const { inputs, outputs, batchAxis, batchAxes } = signature;
  const sizeOf = (name: string, index: number, dim: number): number => {
    const isRows = batchAxis.kind === 'dynamic' && axisOf(batchAxes, name) === index;
    return isRows ? rows : dim === -1 ? free : dim;
  };
  const tensors = trialZeros(inputs, sizeOf, maxBytes);
  return tensors && { signatureName, inputs: tensors, outputs: [...outputs.keys()], size: rows, deadline: Infinity };
}
