/**
 * The classification extension: a requested output with the parameter `classification` becomes BYTES, its n best
 * elements as "<value>:<index>", the largest first; of each row, where the model has rows. A model whose config.pbtxt
 * names a label file gives "<value>:<index>:<label>", for the classes that the file has.
 *
 *   y [2,3]  0.1 0.7 0.2   classification 2   y [2,2]  "0.700000:1" "0.200000:2"
 *            0.5 0.5 0.0   ────────────────▶           "0.500000:0" "0.500000:1"
 *
 * The first of equal elements comes first, and NaN comes last. A value's text is the one of C++'s to_string, as in
 * Triton.
 *
 * https://github.com/triton-inference-server/server, docs/protocol/extension_classification.md
 */
import { Buffer } from 'node:buffer';
import { DATATYPES } from '../../codec/open-inference/datatypes.ts';
import type { RequestedOutput } from '../../codec/open-inference/infer-request.ts';
import type { DType } from '../../core/dtype.ts';
import { invalidRequest } from '../../core/errors.ts';
import type { Steps } from '../../core/in-slices.ts';
import { quoteName } from '../../core/list-names.ts';
import { elementCount } from '../../core/shape.ts';
import { BFLOAT16, FLOAT16, fromSmallFloat } from '../../core/small-float.ts';
import { elements, type NumericTensor, type Tensor, type TensorMap } from '../../core/tensor.ts';

/** Outputs that become classes, and how many of each row. */
export type ClassCounts = ReadonlyMap<string, number>;

type Values = ArrayLike<number | bigint>;

/** The most classes that are put in order for one row. */
const MAX_CLASSES = 1024;
/** Elements that one step looks at. */
const STEP_ELEMENTS = 4 * 1024;
const COLON = Buffer.from(':');
/** Decimals of C++'s to_string. */
const DECIMALS = 6;

/** The outputs whose classes are asked for. Throws `invalid_request`. */
export function classCounts(outputs: readonly RequestedOutput[]): ClassCounts | undefined {
  let counts: Map<string, number> | undefined;
  for (const { name, parameters } of outputs) {
    const value = parameters.get('classification');
    if (value === undefined) continue;
    const count = typeof value === 'bigint' ? Number(value) : value;
    if (typeof count !== 'number' || !Number.isInteger(count) || count < 1) {
      const text = `parameter "classification" of output ${quoteName(name)} is no whole number above 0`;
      throw invalidRequest(`${text}; send how many classes you want`);
    }
    counts ??= new Map();
    counts.set(name, count);
  }
  return counts;
}

/** Only numbers have an order. Throws `invalid_request`. */
export function checkClassOutput(name: string, dtype: DType): void {
  if (dtype !== 'string' && dtype !== 'bool') return;
  const text = `output ${quoteName(name)} is ${DATATYPES[dtype]}, which has no classes`;
  throw invalidRequest(`${text}; request it without "classification"`);
}

/** How a model's outputs become classes. */
export interface ClassModel {
  /** Dim 0 of every output are rows. */
  readonly hasRows: boolean;
  /** The labels by output, in the order of the classes, in UTF-8. */
  readonly labels: ReadonlyMap<string, readonly Uint8Array[]>;
}

/** The outputs, with classes for those that `counts` names. */
export function* withClasses(outputs: TensorMap, counts: ClassCounts, model: ClassModel): Steps<TensorMap> {
  const answer = new Map<string, Tensor>();
  for (const [name, tensor] of outputs) {
    const count = counts.get(name);
    const isAsked = count !== undefined && tensor.dtype !== 'string';
    answer.set(name, isAsked ? yield* classesOf(name, tensor, count, model) : tensor);
  }
  return answer;
}

function* classesOf(name: string, tensor: NumericTensor, count: number, model: ClassModel): Steps<Tensor> {
  const { dtype, shape } = tensor;
  const { hasRows } = model;
  const labels = model.labels.get(name) ?? [];
  const isByRow = hasRows && shape.length > 0;
  const rows = isByRow ? shape[0]! : 1;
  const perRow = elementCount(isByRow ? shape.slice(1) : shape);
  const wanted = Math.min(count, perRow);
  if (wanted > MAX_CLASSES) {
    const text = `output ${quoteName(name)}: ${wanted} classes are wanted, and ${MAX_CLASSES} are the most`;
    throw invalidRequest(`${text}; ask for fewer, or for the output without "classification"`);
  }
  const data: Uint8Array[] = [];
  const classes: Tensor = { dtype: 'string', shape: isByRow ? [rows, wanted] : [wanted], data };
  // Zero classes are asked for: the output has none, however many rows it has.
  if (wanted === 0) return classes;
  const values = valuesOf(tensor);
  const isFloat = dtype.includes('float');
  for (let row = 0; row < rows; row++) {
    const start = row * perRow;
    for (const index of yield* best(values, start, start + perRow, wanted)) {
      const label = labels[index - start];
      const text = Buffer.from(`${textOf(values[index]!, isFloat)}:${index - start}`, 'latin1');
      data.push(label === undefined ? text : Buffer.concat([text, COLON, label]));
    }
  }
  return classes;
}

/** The indices of the `count` best elements from `start` to `end`, in order; equal ones keep theirs. */
function* best(values: Values, start: number, end: number, count: number): Steps<readonly number[]> {
  const inOrder = (a: number, b: number): number =>
    isBefore(values[a]!, values[b]!) ? -1 : isBefore(values[b]!, values[a]!) ? 1 : a - b;
  // Those that may be among the best. They are put in order when twice as many as wanted have come together.
  const found: number[] = [];
  let last: number | undefined;
  for (let i = start; i < end; i++) {
    if (last === undefined || isBefore(values[i]!, values[last]!)) {
      found.push(i);
      if (found.length === 2 * count) {
        found.sort(inOrder).length = count;
        last = found[count - 1];
      }
    }
    if (i % STEP_ELEMENTS === STEP_ELEMENTS - 1) yield;
  }
  return found.sort(inOrder).slice(0, count);
}

/** NaN is behind everything. */
function isBefore(a: number | bigint, b: number | bigint): boolean {
  return a > b || (Number.isNaN(b) && !Number.isNaN(a));
}

function valuesOf(tensor: NumericTensor): Values {
  const array = elements(tensor);
  if (tensor.dtype === 'float16') {
    return Float32Array.from(array as Uint16Array, (bits) => fromSmallFloat(FLOAT16, bits));
  }
  if (tensor.dtype === 'bfloat16') {
    return Float32Array.from(array as Uint16Array, (bits) => fromSmallFloat(BFLOAT16, bits));
  }
  return array as Values;
}

/** printf's %f for floats: six decimals, and halfway cases to the even digit. */
function textOf(value: number | bigint, isFloat: boolean): string {
  if (!isFloat || typeof value === 'bigint') return String(value);
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}.${'0'.repeat(DECIMALS)}`;
  const sign = Object.is(value, -0) ? '-' : '';
  const text = value.toFixed(DECIMALS);
  // Halfway between two texts are odd multiples of 1/128 alone; toFixed rounds them away from zero.
  const isHalfway = Math.abs((value * 128) % 2) === 1;
  if (!isHalfway) return sign + text;
  const below = value.toFixed(DECIMALS + 1).slice(0, -1);
  return Number(below.at(-1)) % 2 === 0 ? below : text;
}
