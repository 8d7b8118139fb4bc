/**
 * Pads requests whose rows differ in length to one shape, so that they may share a run: TensorFlow Serving's
 * pad_variable_length_inputs. Each dim beside dim 0 becomes the largest in the batch. The padding is the tensor's own
 * first element, as in TensorFlow Serving, so that the model sees no value that the caller has not sent.
 *
 *   a  1 2 3        a  1 2 3 1 1
 *   b  4 5 6 7 8 ─▶ b  4 5 6 7 8
 *
 * Outputs are not cut back: such a model has to know its rows' lengths from an input. Pure.
 */
import { bytesPerElement } from '../../core/dtype.ts';
import { elementCount } from '../../core/shape.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';

/** One request's share of a batch: rows of every input. */
export interface RowShare {
  readonly rows: number;
  readonly inputs: TensorMap;
}

/**
 * Returns the shares with rows of one shape in each input. A share that has that shape already is returned as it is.
 * All shares are of one lane: in each input they have the same dtype and rank, and at least one element.
 */
export function padAlike(shares: readonly RowShare[], inputNames: readonly string[]): readonly RowShare[] {
  let alike = shares;
  for (const name of inputNames) {
    const shape = largestShape(alike, name);
    alike = alike.map((share) => {
      const tensor = share.inputs.get(name)!;
      if (tensor.shape.every((size, i) => i === 0 || size === shape[i])) return share;
      const padded = padTo(tensor, [tensor.shape[0]!, ...shape.slice(1)]);
      return { rows: share.rows, inputs: new Map(share.inputs).set(name, padded) };
    });
  }
  return alike;
}

function largestShape(shares: readonly RowShare[], name: string): readonly number[] {
  const largest = [...shares[0]!.inputs.get(name)!.shape];
  for (const { inputs } of shares) {
    for (const [i, size] of inputs.get(name)!.shape.entries()) largest[i] = Math.max(largest[i]!, size);
  }
  return largest;
}

function padTo(tensor: Tensor, shape: readonly number[]): Tensor {
  const count = elementCount(shape);
  if (tensor.dtype === 'string') {
    const data = new Array<Uint8Array>(count).fill(tensor.data[0]!);
    eachRun(tensor.shape, shape, (from, to, length) => {
      for (let i = 0; i < length; i++) data[to + i] = tensor.data[from + i]!;
    });
    return { dtype: 'string', shape, data };
  }
  const size = bytesPerElement(tensor.dtype);
  const data = repeated(tensor.data.subarray(0, size), count);
  eachRun(tensor.shape, shape, (from, to, length) =>
    data.set(tensor.data.subarray(from * size, (from + length) * size), to * size),
  );
  return { dtype: tensor.dtype, shape, data };
}

function repeated(element: Uint8Array, count: number): Uint8Array {
  const data = new Uint8Array(element.byteLength * count);
  data.set(element);
  for (let filled = element.byteLength; filled < data.byteLength; filled *= 2) data.copyWithin(filled, 0, filled);
  return data;
}

/** Calls `copy` for each innermost row, which is contiguous in both shapes. Offsets and lengths are in elements. */
function eachRun(
  from: readonly number[],
  to: readonly number[],
  copy: (from: number, to: number, length: number) => void,
): void {
  const last = from.length - 1;
  const length = from[last]!;
  const runs = elementCount(from) / length;
  for (let run = 0; run < runs; run++) {
    let rest = run;
    let target = 0;
    let stride = to[last]!;
    for (let dim = last - 1; dim >= 0; dim--) {
      target += (rest % from[dim]!) * stride;
      rest = Math.floor(rest / from[dim]!);
      stride *= to[dim]!;
    }
    copy(run * length, target, length);
  }
}
