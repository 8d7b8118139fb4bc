/**
 * Pads requests whose rows differ in length to one length, so that they may share a run, and cuts their outputs back:
 * TensorFlow Serving's pad_variable_length_inputs, with values that do not change the answers (LengthPadding in
 * core/signature.ts).
 *
 *   a  1 2 3        a  1 2 3 0 0         ▓▓▓░░        ▓▓▓     a's own outputs
 *   b  4 5 6 7 8 ─▶ b  4 5 6 7 8 ─ run ─▶ ▓▓▓▓▓  ─ cut ▶ ▓▓▓▓▓
 *
 * Pure.
 */
import { bytesPerElement } from '../../core/dtype.ts';
import { elementCount, formatShape, type Shape } from '../../core/shape.ts';
import { type LengthPadding, lengthOf } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';

/** One request's share of a batch: rows of every input. */
export interface RowShare {
  readonly rows: number;
  readonly inputs: TensorMap;
}

/** The length of all rows of a batch. */
export interface PaddedLength {
  readonly padding: LengthPadding;
  readonly length: number;
}

/**
 * Returns the shares with rows of that length, which none of them exceeds. A share that has it already is returned as it
 * is.
 */
export function padRows(shares: readonly RowShare[], { padding, length }: PaddedLength): readonly RowShare[] {
  return shares.map((share) => {
    if (lengthOf(padding, share.inputs) === length) return share;
    const inputs = new Map(share.inputs);
    for (const [name, { dims, value }] of padding.inputs) {
      inputs.set(name, padTo(inputs.get(name)!, dims, length, value));
    }
    return { rows: share.rows, inputs };
  });
}

/** Why the outputs of a run of such rows cannot be cut back; undefined = they can. The outputs exist. */
export function lengthMisfitOf(
  outputs: TensorMap,
  wanted: readonly string[],
  { padding, length }: PaddedLength,
): string | undefined {
  for (const name of wanted) {
    const { shape } = outputs.get(name)!;
    const dim = padding.outputs.get(name)?.find((each) => shape[each] !== length);
    if (dim === undefined) continue;
    return `output "${name}" has shape ${formatShape(shape)} for rows of length ${length}, so its dim ${dim} is not the length`;
  }
  return undefined;
}

/** The outputs of rows that had `length` before they were padded. They have no misfit. */
export function cutRows(outputs: TensorMap, padding: Pick<LengthPadding, 'outputs'>, length: number): TensorMap {
  const cut = new Map(outputs);
  for (const [name, dims] of padding.outputs) {
    const tensor = cut.get(name);
    if (tensor !== undefined) cut.set(name, cutTo(tensor, dims, length));
  }
  return cut;
}

function padTo(tensor: Tensor, dims: readonly number[], length: number, value: Tensor): Tensor {
  const shape = withLength(tensor.shape, dims, length);
  const count = elementCount(shape);
  if (tensor.dtype === 'string') {
    const data = new Array<Uint8Array>(count).fill((value.data as readonly Uint8Array[])[0]!);
    eachRun(tensor.shape, shape, (from, to, run) => {
      for (let i = 0; i < run; i++) data[to + i] = tensor.data[from + i]!;
    });
    return { dtype: 'string', shape, data };
  }
  const size = bytesPerElement(tensor.dtype);
  const data = repeated(value.data as Uint8Array, count);
  eachRun(tensor.shape, shape, (from, to, run) =>
    data.set(tensor.data.subarray(from * size, (from + run) * size), to * size),
  );
  return { dtype: tensor.dtype, shape, data };
}

/** A view where the elements that are left are the first ones, else a copy. */
function cutTo(tensor: Tensor, dims: readonly number[], length: number): Tensor {
  const shape = withLength(tensor.shape, dims, length);
  const count = elementCount(shape);
  const isPrefix = dims.length === 1 && elementCount(shape.slice(0, dims[0])) === 1;
  if (tensor.dtype === 'string') {
    if (isPrefix) return { dtype: 'string', shape, data: tensor.data.slice(0, count) };
    const data = new Array<Uint8Array>(count);
    eachRun(shape, tensor.shape, (to, from, run) => {
      for (let i = 0; i < run; i++) data[to + i] = tensor.data[from + i]!;
    });
    return { dtype: 'string', shape, data };
  }
  const size = bytesPerElement(tensor.dtype);
  if (isPrefix) return { dtype: tensor.dtype, shape, data: tensor.data.subarray(0, count * size) };
  const data = new Uint8Array(count * size);
  eachRun(shape, tensor.shape, (to, from, run) =>
    data.set(tensor.data.subarray(from * size, (from + run) * size), to * size),
  );
  return { dtype: tensor.dtype, shape, data };
}

function withLength(shape: Shape, dims: readonly number[], length: number): Shape {
  return shape.map((size, dim) => (dims.includes(dim) ? length : size));
}

function repeated(element: Uint8Array, count: number): Uint8Array {
  const data = new Uint8Array(element.byteLength * count);
  if (count === 0 || element.every((byte) => byte === 0)) return data;
  data.set(element);
  for (let filled = element.byteLength; filled < data.byteLength; filled *= 2) data.copyWithin(filled, 0, filled);
  return data;
}

/**
 * Calls `copy` for each run of elements of the smaller shape that is contiguous in both. Offsets and lengths are in
 * elements.
 */
function eachRun(small: Shape, large: Shape, copy: (inSmall: number, inLarge: number, length: number) => void): void {
  // The elements behind this dim lie alike.
  let split = small.length - 1;
  while (split > 0 && small[split] === large[split]) split -= 1;
  const inner = elementCount(small.slice(split + 1));
  const length = small[split]! * inner;
  const runs = elementCount(small.slice(0, split));
  for (let run = 0; run < runs; run++) {
    let rest = run;
    let target = 0;
    let stride = large[split]! * inner;
    for (let dim = split - 1; dim >= 0; dim--) {
      target += (rest % small[dim]!) * stride;
      rest = Math.floor(rest / small[dim]!);
      stride *= large[dim]!;
    }
    copy(run * length, target, length);
  }
}
