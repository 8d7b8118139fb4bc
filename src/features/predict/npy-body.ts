/**
 * NumPy's .npy (its format 1 to 3) → the JSON of a tensor:
 *
 *   \x93NUMPY  major minor  length of the header  {'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }  elements
 */
import type { Buffer } from 'node:buffer';
import { type DType, type NumericDType, typedArrayOf } from '../../core/dtype.ts';
import { elementCount } from '../../core/shape.ts';
import { elements, type NumericTensor } from '../../core/tensor.ts';
import { DataError } from './data-error.ts';

const DTYPE_OF: Readonly<Record<string, NumericDType>> = {
  ...{ f4: 'float32', f8: 'float64', i1: 'int8', i2: 'int16', i4: 'int32', i8: 'int64' },
  ...{ u1: 'uint8', u2: 'uint16', u4: 'uint32', u8: 'uint64', b1: 'bool' },
};
const WANTS = 'save numbers by numpy.save("x.npy", x.astype("float32", order="C")), or as another type of numbers';

/** Throws DataError. */
export function readNpy(bytes: Buffer, from: string): NumericTensor {
  const major = bytes[6] ?? 0;
  const isLong = major >= 2;
  const start = isLong ? 12 : 10;
  if (bytes.length < start || bytes.subarray(1, 6).toString('latin1') !== 'NUMPY')
    throw bad(from, 'it is no .npy file');
  const length = isLong ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8);
  const header = bytes.subarray(start, start + length).toString('latin1');
  const descr = /'descr':\s*'([<>|=]?)([a-zA-Z]\d*)'/.exec(header);
  const shapeText = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (descr === null || shapeText === undefined) throw bad(from, `its header is not understood; ${WANTS}`);
  if (!header.includes("'fortran_order': False")) throw bad(from, `its elements are in Fortran’s order; ${WANTS}`);
  const dtype = Object.hasOwn(DTYPE_OF, descr[2]!) ? DTYPE_OF[descr[2]!] : undefined;
  if (dtype === undefined || descr[1] === '>')
    throw bad(from, `its dtype ${descr[1]}${descr[2]} cannot be sent; ${WANTS}`);
  const shape = shapeText
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map(Number);
  if (elementCount(shape) === 0) throw bad(from, 'it holds no element');
  const data = bytes.subarray(start + length);
  const want = elementCount(shape) * typedArrayOf(dtype).BYTES_PER_ELEMENT;
  if (data.length !== want) throw bad(from, `it has ${data.length} bytes of elements, and its shape wants ${want}`);
  return { dtype, shape, data };
}

function bad(from: string, text: string): DataError {
  return new DataError(`${from}: ${text}`);
}

/** The tensor in JSON, for an input of `dtype`: booleans and numbers are no numbers of the other kind there. */
export function tensorJson(tensor: NumericTensor, dtype: DType): string {
  const { shape } = tensor;
  const values = elements(tensor);
  const isBool = dtype === 'bool';
  const write = (value: number | bigint): string => (isBool ? String(Number(value) !== 0) : String(value));
  let next = 0;
  const nested = (dim: number): string => {
    if (dim === shape.length) return write(values[next++]!);
    const parts = new Array<string>(shape[dim]!);
    for (let i = 0; i < parts.length; i++) parts[i] = nested(dim + 1);
    return `[${parts.join(',')}]`;
  };
  return nested(0);
}
