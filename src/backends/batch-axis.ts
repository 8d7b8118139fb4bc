/**
 * The batch axis that a model's declared dims allow: a candidate. Every input and output has a free dim 0 (`dynamic`),
 * or all have the same number there (`fixed`). But a free dim 0 may also be time, and a square input may be a graph:
 * batching would then mix one caller's data into another's answer. So nobody shares runs before the candidate is
 * proved, which models/batching/ does. A backend that knows better gives its axis a reason.
 */
import type { DType } from '../core/dtype.ts';
import type { BatchAxis, TensorSpec } from '../core/signature.ts';

export interface TensorMetadata {
  readonly name: string;
  readonly dtype: DType;
  /** A number is a fixed dim, a string a symbolic one ('' = unnamed). Empty = scalar or any rank. */
  readonly dims: readonly (number | string)[];
}

const NONE: BatchAxis = { kind: 'none' };

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
  const tensors = [...inputs, ...outputs];
  const first = tensors[0]?.dims[0];
  if (inputs.length === 0 || first === undefined) return NONE;
  if (typeof first === 'number') {
    return first > 0 && tensors.every((t) => t.dims[0] === first) ? { kind: 'fixed', size: first } : NONE;
  }
  if (!tensors.every((t) => typeof t.dims[0] === 'string')) return NONE;
  // A name of dim 0 on another dim is a square input: more rows would need more columns.
  const names = new Set(tensors.map((t) => t.dims[0]).filter((name) => name !== ''));
  if (tensors.some((t) => t.dims.slice(1).some((dim) => names.has(dim)))) return NONE;
  return { kind: 'dynamic' };
}
