/**
 * Fills in the defaults of the inputs that a request leaves out. Where an input has rows, its default is one row, which
 * is repeated for as many rows as the other inputs have.
 */
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { elementCount } from '../../core/shape.ts';
import { rowAxisOf, type Signature } from '../../core/signature.ts';
import { byteLengthOf, type Tensor, type TensorMap } from '../../core/tensor.ts';

/** Limit of a repeated default, in bytes: a small request with many rows must not ask for much memory or time. */
const MAX_REPEATED_BYTES = 64 * 1024 * 1024;
/** Memory of a string element beside its bytes, which all rows share. */
const STRING_ELEMENT_BYTES = 256;

/** The inputs with the defaults added. Throws `too_large` if a repeated default takes too much memory. */
export function withDefaults(signature: Signature, inputs: TensorMap): TensorMap {
  const filled = new Map(inputs);
  let rows: number | undefined;
  for (const [name, { shape }] of inputs) {
    const axis = rowAxisOf(signature, name);
    if (axis !== undefined) rows ??= shape[axis];
  }
  for (const [name, tensor] of signature.defaults ?? []) {
    if (filled.has(name)) continue;
    const axis = rowAxisOf(signature, name);
    const isRow = rows !== undefined && axis !== undefined && tensor.shape[axis] === 1;
    filled.set(name, isRow ? repeated(name, tensor, axis, rows!) : tensor);
  }
  return filled;
}

function repeated(name: string, row: Tensor, axis: number, rows: number): Tensor {
  if (rows === 1) return row;
  const bytes = rows * (row.dtype === 'string' ? row.data.length * STRING_ELEMENT_BYTES : byteLengthOf(row));
  if (bytes > MAX_REPEATED_BYTES) {
    throw new ServingError(
      'too_large',
      `the default of input ${quoteName(name)} for ${rows} rows takes ${bytes} bytes, and ${MAX_REPEATED_BYTES} are the most; send fewer rows at once`,
    );
  }
  const shape = row.shape.with(axis, rows);
  // The elements behind the axis stand together; they are repeated for each index of the dims before the axis.
  const unit = row.data.length / elementCount(row.shape.slice(0, axis));
  if (row.dtype === 'string') {
    const data: Uint8Array[] = [];
    for (let at = 0; at < row.data.length; at += unit) {
      for (let i = 0; i < rows * unit; i++) data.push(row.data[at + (i % unit)]!);
    }
    return { dtype: row.dtype, shape, data };
  }
  const data = new Uint8Array(bytes);
  for (let at = 0; at < row.data.length; at += unit) {
    const block = row.data.subarray(at, at + unit);
    for (let i = 0; i < rows; i++) data.set(block, at * rows + i * unit);
  }
  return { dtype: row.dtype, shape, data };
}
