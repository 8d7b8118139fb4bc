/**
 * Rows of a tensor along any of its dims. A row keeps that dim, with size 1:
 *
 *     axis 0:  [3, 4] = three rows [1, 4]          axis 1:  [2, 3, 8] = three rows [2, 1, 8]
 */
import { bytesPerElement } from '../../core/dtype.ts';
import { elementCount } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';

/** Joins rows of the same dtype and shape along `axis`. At least one row. */
export function stackRows(rows: readonly Tensor[], axis: number): Tensor {
  const first = rows[0]!;
  const shape = first.shape.with(axis, rows.length);
  const { outer, inner } = blocksOf(first, axis);
  if (first.dtype === 'string') {
    const data: Uint8Array[] = [];
    for (let o = 0; o < outer; o++) {
      for (const row of rows) pushPart(data, row.data as readonly Uint8Array[], o * inner, inner);
    }
    return { dtype: 'string', shape, data };
  }
  const data = new Uint8Array(outer * rows.length * inner);
  for (let o = 0, at = 0; o < outer; o++) {
    for (const row of rows) {
      data.set((row.data as Uint8Array).subarray(o * inner, (o + 1) * inner), at);
      at += inner;
    }
  }
  return { dtype: first.dtype, shape, data };
}

/** Row `index` along `axis`, as a copy. The tensor has that many rows. */
export function rowAt(tensor: Tensor, index: number, axis: number): Tensor {
  const shape = tensor.shape.with(axis, 1);
  const rows = tensor.shape[axis]!;
  const { outer, inner } = blocksOf(tensor, axis);
  if (tensor.dtype === 'string') {
    const data: Uint8Array[] = [];
    for (let o = 0; o < outer; o++) {
      pushPart(data, tensor.data, (o * rows + index) * inner, inner);
    }
    return { dtype: 'string', shape, data };
  }
  const data = new Uint8Array(outer * inner);
  for (let o = 0; o < outer; o++) {
    const start = (o * rows + index) * inner;
    data.set(tensor.data.subarray(start, start + inner), o * inner);
  }
  return { dtype: tensor.dtype, shape, data };
}

/** One by one: arguments stand on the stack, which ends at a hundred thousand. */
function pushPart(to: Uint8Array[], from: readonly Uint8Array[], start: number, count: number): void {
  for (let i = start; i < start + count; i++) to.push(from[i]!);
}

/** There are `outer` blocks before `axis`; a row has `inner` bytes (strings: elements) in each. */
function blocksOf({ shape, dtype }: Tensor, axis: number): { readonly outer: number; readonly inner: number } {
  const perElement = dtype === 'string' ? 1 : bytesPerElement(dtype);
  return { outer: elementCount(shape.slice(0, axis)), inner: elementCount(shape.slice(axis + 1)) * perElement };
}
