/**
 * Fills in the defaults of the inputs that a request leaves out. Where dim 0 is declared as a batch, a default is one
 * row, which is repeated for as many rows as the other inputs have.
 */
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { hasRows, type Signature } from '../../core/signature.ts';
import { byteLengthOf, type Tensor, type TensorMap } from '../../core/tensor.ts';

/** Limit of a repeated default, in bytes: a small request with many rows must not ask for much memory. */
const MAX_REPEATED_BYTES = 256 * 1024 * 1024;
/** Memory of a string element beside its bytes, which all rows share. */
const STRING_ELEMENT_BYTES = 64;

/** The inputs with the defaults added. Throws `too_large` if a repeated default takes too much memory. */
export function withDefaults(signature: Signature, inputs: TensorMap): TensorMap {
  const filled = new Map(inputs);
  const isBatch = hasRows(signature);
  let rows: number | undefined;
  if (isBatch) for (const tensor of inputs.values()) rows ??= tensor.shape[0];
  for (const [name, tensor] of signature.defaults ?? []) {
    if (filled.has(name)) continue;
    filled.set(name, isBatch && rows !== undefined && tensor.shape[0] === 1 ? repeated(name, tensor, rows) : tensor);
  }
  return filled;
}

function repeated(name: string, row: Tensor, rows: number): Tensor {
  if (rows === 1) return row;
  const bytes = rows * (row.dtype === 'string' ? row.data.length * STRING_ELEMENT_BYTES : byteLengthOf(row));
  if (bytes > MAX_REPEATED_BYTES) {
    throw new ServingError(
      'too_large',
      `the default of input ${quoteName(name)} for ${rows} rows takes ${bytes} bytes, and ${MAX_REPEATED_BYTES} are the most; send fewer rows at once`,
    );
  }
  const shape = [rows, ...row.shape.slice(1)];
  if (row.dtype === 'string') {
    const data: Uint8Array[] = [];
    for (let i = 0; i < rows; i++) for (const element of row.data) data.push(element);
    return { dtype: 'string', shape, data };
  }
  const data = new Uint8Array(bytes);
  for (let i = 0; i < rows; i++) data.set(row.data, i * row.data.length);
  return { dtype: row.dtype, shape, data };
}
