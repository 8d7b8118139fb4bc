/**
 * Is dim 0 of this model a batch? Rows of different requests are put together only if it is.
 *
 * The model's declared dims give a candidate: every input and output has a free dim 0 (`dynamic`), or all have the same
 * number there (`fixed`). But a free dim 0 may as well be time, and a square input may be a graph: then batching would
 * mix one caller's data into another's answer. So the candidate is tried out at load:
 *
 *     run A:  ones            run B:  zeros        Is the last row of A, the one of zeros, what it is in B?
 *             ones                                 And does dim 0 of each output follow that of the inputs?
 *             zeros
 *
 * (fixed: both runs have that many rows.) All other free dims are 1. A model that disagrees is run one request at a time.
 * One that cannot run such data is believed if it calls every dim 0 by one name or number, and not otherwise.
 *
 * "What it is" means within a tenth of the largest value: dynamically quantized models let rows touch one scale, which
 * everybody who batches them accepts; a softmax or a state over dim 0 is far beyond that.
 */

import { bytesPerElement, type DType, typedArrayOf } from '../core/dtype.ts';
import { elementCount } from '../core/shape.ts';
import type { BatchAxis } from '../core/signature.ts';
import { elements, type NumericTensor, sliceRows, type Tensor, type TensorMap } from '../core/tensor.ts';

export interface TensorMetadata {
  readonly name: string;
  readonly dtype: DType;
  /** A number is a fixed dim, a string a symbolic one ('' = free without a name). Empty = scalar or any rank. */
  readonly dims: readonly (number | string)[];
}

/** Runs the model on the inputs and resolves with all outputs of the signature. */
export type ProbeRun = (inputs: TensorMap) => Promise<TensorMap>;

const NONE: BatchAxis = { kind: 'none' };
const DYNAMIC_PROBE_ROWS = 3;
/** Difference between a row alone and in company, relative to the largest value, that still counts as equal. */
const TOLERANCE = 0.1;

export interface BatchAxisCandidate {
  readonly axis: BatchAxis;
  /** The model itself calls every dim 0 by one name or number. */
  readonly isDeclared: boolean;
}

/** The batch axis of a model with these inputs and outputs, tried out with `run`. */
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

/** What the declared dims alone say. */
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
  // One name for dim 0 and another dim: a square input, where more rows would need more columns.
  const names = new Set(tensors.map((t) => t.dims[0]).filter((name) => name !== ''));
  if (tensors.some((t) => t.dims.slice(1).some((dim) => names.has(dim)))) return { axis: NONE, isDeclared: true };
  return { axis: { kind: 'dynamic' }, isDeclared: first !== '' && tensors.every((t) => t.dims[0] === first) };
}

/** Rows of ones before a last row of zeros, or zeros alone. */
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

/** The bit patterns of 1, where that is not 1. */
const ONES: Partial<Readonly<Record<DType, number>>> = { float16: 0x3c00, bfloat16: 0x3f80 };

function isSameLastRow(mixed: Tensor, rows: number, alone: Tensor, rowsAlone: number): boolean {
  if (mixed.shape[0] !== rows || alone.shape[0] !== rowsAlone) return false;
  const a = sliceRows(mixed, rows - 1, rows);
  const b = sliceRows(alone, rowsAlone - 1, rowsAlone);
  if (a.data.length !== b.data.length) return false;
  // Strings and half floats are compared by size alone: no number here to hold against a tolerance.
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
    // NaN and the infinities: equal only to themselves.
    if (!(difference <= TOLERANCE * largest) && !Object.is(x[i], y[i])) return false;
  }
  return true;
}

/** 0 for NaN and the infinities, which would swallow every difference. */
function magnitude(value: number | bigint): number {
  const size = Math.abs(Number(value));
  return Number.isFinite(size) ? size : 0;
}
