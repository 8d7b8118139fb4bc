/** A tensor of equal rows. */
import { elementCount, type Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** `row` once for each index of dim 0 of `shape`, if that has a dim more; else `row` itself. */
export function repeatedRows(row: Tensor, shape: Shape): Tensor {
  if (elementCount(shape) === elementCount(row.shape)) return { ...row, shape };
  const count = shape[0]!;
  if (row.dtype === 'string') {
    return { dtype: row.dtype, shape, data: Array.from({ length: count }, () => row.data).flat() };
  }
  const data = new Uint8Array(count * row.data.length);
  for (let at = 0; at < data.length; at += row.data.length) data.set(row.data, at);
  return { dtype: row.dtype, shape, data };
}
