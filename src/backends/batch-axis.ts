/**
 * The batch axis that a model's declared dims allow: a candidate. Every input and output has a free dim 0 (`dynamic`),
 * or all have the same number there (`fixed`). But a free dim 0 may also be time, and a square input may be a graph:
 * batching would then mix one caller's data into another's answer. So nobody shares runs before the candidate is
 * proved (models/loading/batch-axes.ts). A backend that knows better gives its axis a reason.
 */
import type { DType } from '../core/dtype.ts';
import { type BatchAxis, candidateRows, type TensorSpec } from '../core/signature.ts';

export interface TensorMetadata {
  readonly name: string;
  readonly dtype: DType;
  /** A number is a fixed dim, a string a symbolic one ('' = unnamed). Empty = scalar or any rank. */
  readonly dims: readonly (number | string)[];
}

/** Metadata from specs, whose free dims have no names. */
export function metadataOf(specs: ReadonlyMap<string, TensorSpec>): readonly TensorMetadata[] {
  return [...specs].map(([name, { dtype, shape = [] }]) => ({
    name,
    dtype,
    dims: shape.map((dim) => (dim === -1 ? '' : dim)),
  }));
}

/** The candidate by the declared dims alone. */
export function batchAxisCandidate(inputs: readonly TensorMetadata[], outputs: readonly TensorMetadata[]): BatchAxis {
  const rows = candidateRows(inputs.map(dimsOf), outputs.map(dimsOf));
  if (rows === undefined) return { kind: 'none' };
  return rows === -1 ? { kind: 'dynamic' } : { kind: 'fixed', size: rows };
}

function dimsOf({ dims }: TensorMetadata): TensorMetadata['dims'] {
  return dims;
}
