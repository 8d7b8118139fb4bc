/**
 * Finds out whether dim 0 of a model is a batch. Rows of different requests share a run only if it is.
 *
 * The declared dims give a candidate: every input and output has a free dim 0 (`dynamic`), or all have the same number
 * there (`fixed`). But a free dim 0 may also be time, and a square input may be a graph: batching would then mix one
 * caller's data into another's answer. So the candidate is probed at load:
 *
 *     run A:  ones            run B:  zeros        Is the last row of A, of zeros, the same as in B?
 *             ones                                 Is dim 0 of each output that of the inputs?
 *             zeros
 *
 * (fixed: both runs have that many rows.) All other free dims are 1. A model that fails the probe is run one request at
 * a time. If the model cannot run such data, the candidate holds only if all dims 0 have one name or number.
 *
 * "The same" means within a tenth of the largest value: in dynamically quantized models all rows share a scale, which
 * users who batch them accept. A softmax or a state over dim 0 differs far more.
 */
import { bytesPerElement, type DType, typedArrayOf } from '../core/dtype.ts';
import { elementCount } from '../core/shape.ts';
import type { BatchAxis, TensorSpec } from '../core/signature.ts';
import { elements, type NumericTensor, sliceRows, type Tensor, type TensorMap } from '../core/tensor.ts';

export interface TensorMetadata {
  readonly name: string;
  readonly dtype: DType;
  /** A number is a fixed dim, a string a symbolic one ('' = unnamed). Empty = scalar or any rank. */
  readonly dims: readonly (number | string)[];
}

/** Runs the model on the inputs and resolves with all outputs of the signature. */
export type ProbeRun = (inputs: TensorMap) => Promise<TensorMap>;

const NONE: BatchAxis = { kind: 'none' };
const DYNAMIC_PROBE_ROWS = 3;
/** Largest difference between a row alone and in a batch that counts as equal, relative to the largest value. */
const TOLERANCE = 0.1;

/** Metadata from specs, whose free dims have no names. */
export function metadataOf(specs: ReadonlyMap<string, TensorSpec>): readonly TensorMetadata[] {
  return [...specs].map(([name, { dtype, shape = [] }]) => ({
    name,
    dtype,
    dims: shape.map((dim) => (dim === -1 ? '' : dim)),
  }));
}

interface BatchAxisCandidate {
  readonly axis: BatchAxis;
  /** All dims 0 of the model have one name or number. */
  readonly isDeclared: boolean;
}

/** The batch axis of a model with these inputs and outputs, probed with `run`. */
export async function findBatchAxis(
  inputs: readonly TensorMetadata[],
  outputs: readonly TensorMetadata[],
  run: ProbeRun,
): Promise<BatchAxis> {
  const { axis, isDeclared } = batchAxisCandidate(inputs, outputs);
  if (axis.kind === 'none' || (axis.kind === 'fixed' && axis.size === 1)) return axis;
  const rows = axis.kind === 'fixed' ? axis.size : DYNAMIC_PROBE_ROWS;
  const rowsAlone = axis.kind === 'fixed' ? axis.size : 1;
  let mixed: TensorMap;
  let alone: TensorMap;
  try {
    mixed = await run(probeInputs(inputs, rows, true));
    alone = await run(probeInputs(inputs, rowsAlone, false));
  } catch {
    return isDeclared ? axis : NONE;
  }
  return outputs.every(({ name }) => isSameLastRow(mixed.get(name)!, rows, alone.get(name)!, rowsAlone)) ? axis : NONE;
}

/** The candidate by the declared dims alone. */
export function batchAxisCandidate(
  inputs: readonly TensorMetadata[],
  outputs: readonly TensorMetadata[],
): BatchAxisCandidate {
  const tensors = [...inputs, ...outputs];
  const first = tensors[0]?.dims[0];
  if (inputs.length === 0 || first === undefined) return { axis: NONE, isDeclared: true };
  if (typeof first === 'number') {
    const isFixed = first > 0 && tensors.every((t) => t.dims[0] === first);
    return { axis: isFixed ? { kind: 'fixed', size: first } : NONE, isDeclared: true };
  }
  if (!tensors.every((t) => typeof t.dims[0] === 'string')) return { axis: NONE, isDeclared: true };
  // A name of dim 0 on another dim is a square input: more rows would need more columns.
  const names = new Set(tensors.map((t) => t.dims[0]).filter((name) => name !== ''));
  if (tensors.some((t) => t.dims.slice(1).some((dim) => names.has(dim)))) return { axis: NONE, isDeclared: true };
  return { axis: { kind: 'dynamic' }, isDeclared: first !== '' && tensors.every((t) => t.dims[0] === first) };
}

/** Mixed: rows of ones and a last row of zeros; otherwise zeros only. */
function probeInputs(inputs: readonly TensorMetadata[], rows: number, isMixed: boolean): TensorMap {
  return new Map(inputs.map((input) => [input.name, probeTensor(input, rows, isMixed ? rows - 1 : 0)]));
}

function probeTensor(input: TensorMetadata, rows: number, rowsOfOnes: number): Tensor {
  const shape = [rows, ...input.dims.slice(1).map((dim) => (typeof dim === 'number' ? dim : 1))];
  const count = elementCount(shape);
  const ones = (count / rows) * rowsOfOnes;
  if (input.dtype === 'string') {
    const text = new TextEncoder().encode('1');
    const data = Array.from({ length: count }, (_, i) => (i < ones ? text : new Uint8Array(0)));
    return { dtype: 'string', shape, data };
  }
  const data = new Uint8Array(count * bytesPerElement(input.dtype));
  const numbers = new (typedArrayOf(input.dtype))(data.buffer, 0, count);
  if (numbers instanceof BigInt64Array || numbers instanceof BigUint64Array) numbers.fill(1n, 0, ones);
  else numbers.fill(ONES[input.dtype] ?? 1, 0, ones);
  return { dtype: input.dtype, shape, data };
}

/** The bit patterns of 1 in dtypes that typed arrays hold as integers. */
const ONES: Partial<Readonly<Record<DType, number>>> = { float16: 0x3c00, bfloat16: 0x3f80 };

function isSameLastRow(mixed: Tensor, rows: number, alone: Tensor, rowsAlone: number): boolean {
  if (mixed.shape[0] !== rows || alone.shape[0] !== rowsAlone) return false;
  const a = sliceRows(mixed, rows - 1, rows);
  const b = sliceRows(alone, rowsAlone - 1, rowsAlone);
  if (a.data.length !== b.data.length) return false;
  // Strings and float16 are compared by size only: they have no numbers here to compare.
  if (a.dtype === 'string' || b.dtype === 'string' || a.dtype === 'float16') return true;
  return areClose(a, b);
}

function areClose(a: NumericTensor, b: NumericTensor): boolean {
  const x = elements(a);
  const y = elements(b);
  let largest = 0;
  for (let i = 0; i < x.length; i++) largest = Math.max(largest, magnitude(x[i]!), magnitude(y[i]!));
  for (let i = 0; i < x.length; i++) {
    const difference = Math.abs(Number(x[i]!) - Number(y[i]!));
    // NaN and the infinities equal only themselves.
    if (!(difference <= TOLERANCE * largest) && !Object.is(x[i], y[i])) return false;
  }
  return true;
}

/** 0 for NaN and the infinities, which would hide every difference. */
function magnitude(value: number | bigint): number {
  const size = Math.abs(Number(value));
  return Number.isFinite(size) ? size : 0;
}
