/**
 * Copies rows whose batch axis is not dim 0. In memory such rows are interleaved, so that they cannot be cut out as a
 * view: for each index of the dims before the axis there is a block of rows.
 *
 *   axis 1 of [2, rows, 3]         a, 1 row     b, 2 rows          batch of 4, padded with b's first row
 *                      index 0     ▓▓▓          ░░░▒▒▒             ▓▓▓░░░▒▒▒░░░
 *                      index 1     ▓▓▓          ░░░▒▒▒             ▓▓▓░░░▒▒▒░░░
 *
 * Works for axis 0, too, where there is one block. batch-assembly.ts is faster there. Pure.
 */
import { bytesPerElement } from '../../core/dtype.ts';
import { elementCount, type Shape, withRows } from '../../core/shape.ts';
import { sliceRows, type Tensor } from '../../core/tensor.ts';

/** Bytes, or the elements of a string tensor. */
type Data = Tensor['data'];

/**
 * Copies the tensors' rows into `into`, in their order; rows that are missing to `size` repeat the first row of the
 * last tensor, which has one. All tensors have the same dtype and the same shape beside the axis. `into` has room for
 * exactly `size` rows.
 */
export function copyRowsTogether(tensors: readonly Tensor[], axis: number, size: number, into: Data): void {
  const { blocks, unit } = layoutOf(tensors[0]!, axis);
  const last = tensors[tensors.length - 1]!;
  const lastLength = last.shape[axis]! * unit;
  for (let block = 0; block < blocks; block++) {
    let at = block * size * unit;
    const end = at + size * unit;
    for (const { data, shape } of tensors) {
      const length = shape[axis]! * unit;
      copy(data, block * length, length, into, at);
      at += length;
    }
    for (; at < end; at += unit) copy(last.data, block * lastLength, unit, into, at);
  }
}

/** Room for `rows` rows that are like those of `tensor`. */
export function roomForRows(tensor: Tensor, axis: number, rows: number): Tensor {
  return filled(tensor, withRows(tensor.shape, axis, rows), () => undefined);
}

/** Copies the tensor's rows into `room` (roomForRows), as its rows from `start` on. */
export function copyRowsInto(tensor: Tensor, axis: number, room: Tensor, start: number): void {
  const { blocks, unit } = layoutOf(tensor, axis);
  const length = tensor.shape[axis]! * unit;
  const rows = room.shape[axis]!;
  for (let block = 0; block < blocks; block++) {
    copy(tensor.data, block * length, length, room.data, (block * rows + start) * unit);
  }
}

/** Rows `start` to `end` along the axis: a view where that is dim 0, else a copy. */
export function sliceAlong(tensor: Tensor, axis: number, start: number, end: number): Tensor {
  if (axis === 0) return sliceRows(tensor, start, end);
  const rows = tensor.shape[axis]!;
  if (start === 0 && end === rows) return tensor;
  const { blocks, unit } = layoutOf(tensor, axis);
  const length = (end - start) * unit;
  return filled(tensor, withRows(tensor.shape, axis, end - start), (into) => {
    for (let block = 0; block < blocks; block++) {
      copy(tensor.data, (block * rows + start) * unit, length, into, block * length);
    }
  });
}

/** Blocks of rows, and the bytes (or string elements) of one row of a block. */
function layoutOf({ dtype, shape }: Tensor, axis: number): { readonly blocks: number; readonly unit: number } {
  const perElement = dtype === 'string' ? 1 : bytesPerElement(dtype);
  return { blocks: elementCount(shape.slice(0, axis)), unit: elementCount(shape.slice(axis + 1)) * perElement };
}

function filled({ dtype }: Tensor, shape: Shape, fill: (into: Data) => void): Tensor {
  if (dtype === 'string') {
    const data = new Array<Uint8Array>(elementCount(shape));
    fill(data);
    return { dtype, shape, data };
  }
  const data = new Uint8Array(elementCount(shape) * bytesPerElement(dtype));
  fill(data);
  return { dtype, shape, data };
}

function copy(from: Data, start: number, length: number, into: Data, at: number): void {
  if (into instanceof Uint8Array) into.set((from as Uint8Array).subarray(start, start + length), at);
  else for (let i = 0; i < length; i++) (into as Uint8Array[])[at + i] = (from as readonly Uint8Array[])[start + i]!;
}
