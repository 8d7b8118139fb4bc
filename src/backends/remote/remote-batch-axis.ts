/**
 * The batch axis of a signature that another server describes. It cannot be tried out there, so the field's convention
 * counts: dim 0 is the batch where it is free in every input and output.
 */
import type { BatchAxis, TensorSpec } from '../../core/signature.ts';

type Specs = ReadonlyMap<string, TensorSpec>;

export function batchAxisOf(inputs: Specs, outputs: Specs): BatchAxis {
  const isFree = ({ shape }: TensorSpec): boolean => shape?.[0] === -1;
  const isBatch = inputs.size > 0 && [...inputs.values(), ...outputs.values()].every(isFree);
  return { kind: isBatch ? 'dynamic' : 'none' };
}
