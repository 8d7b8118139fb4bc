/**
 * A tensor as it travels through the server: dtype, shape and bytes.
 *
 * Numeric data is little-endian, row-major bytes at any alignment: most often a view of the request's body, where
 * protobuf aligns nothing. Batching copies rows into an aligned buffer, so nothing is copied before that. `elements()`
 * gives the numbers. String data is one Uint8Array per element, never JS strings: a DT_STRING need not be text.
 *
 * Ownership: a Tensor never changes after it was made. Its bytes stay valid as long as it is referenced.
 */
import { bytesPerElement, type DType, type NumericDType, type TypedArray, typedArrayOf } from './dtype.ts';
import { elementCount, type Shape, withRows } from './shape.ts';

export interface NumericTensor {
  readonly dtype: NumericDType;
  readonly shape: Shape;
  readonly data: Uint8Array;
}

export interface StringTensor {
  readonly dtype: 'string';
  readonly shape: Shape;
  readonly data: readonly Uint8Array[];
  /** The index of the first element that is no text (text.ts), -1 for none; undefined: it is not known. */
  readonly notTextAt?: number;
}

export type Tensor = NumericTensor | StringTensor;

/** Tensors by name, in the signature's order where one is known. */
export type TensorMap = ReadonlyMap<string, Tensor>;

/** A tensor over a typed array's bytes (no copy). Throws a plain Error if `shape` has another number of elements. */
export function numericTensor(dtype: NumericDType, shape: Shape, array: TypedArray): NumericTensor {
  const want = elementCount(shape) * bytesPerElement(dtype);
  if (array.byteLength !== want) throw new Error(`${dtype} ${shape} takes ${want} bytes, got ${array.byteLength}`);
  return { dtype, shape, data: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) };
}

/** A tensor of strings. Throws as `numericTensor` does. */
export function stringTensor(shape: Shape, data: readonly Uint8Array[]): StringTensor {
  if (data.length !== elementCount(shape)) throw new Error(`string ${shape} takes other than ${data.length} elements`);
  return { dtype: 'string', shape, data };
}

/** The elements as numbers (bigint for 64-bit integers): a view where the bytes are aligned, else a copy. */
export function elements(tensor: NumericTensor): TypedArray {
  const size = bytesPerElement(tensor.dtype);
  const { buffer, byteOffset, byteLength } = tensor.data;
  const Elements = typedArrayOf(tensor.dtype);
  if (byteOffset % size === 0) return new Elements(buffer, byteOffset, byteLength / size);
  // Not data.slice(): a Buffer's slice is a view, and its .buffer the whole pool.
  return new Elements(new Uint8Array(tensor.data).buffer, 0, byteLength / size);
}

/** The bytes as 32-bit words, at any alignment. A 64-bit element is two, the low one first: cheaper than a BigInt. */
export function wordsOf(data: Uint8Array): Uint32Array {
  const aligned = data.byteOffset % Uint32Array.BYTES_PER_ELEMENT === 0 ? data : new Uint8Array(data);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / Uint32Array.BYTES_PER_ELEMENT);
}

/** Rows `start` to `end` of dim 0 as views (no copy). The tensor has rank ≥ 1 and at least `end` rows. */
export function sliceRows(tensor: Tensor, start: number, end: number): Tensor {
  const rows = tensor.shape[0]!;
  if (start === 0 && end === rows) return tensor;
  const shape = withRows(tensor.shape, 0, end - start);
  const perRow = tensor.data.length / (rows || 1);
  if (tensor.dtype === 'string') {
    return { dtype: 'string', shape, data: tensor.data.slice(start * perRow, end * perRow) };
  }
  return { dtype: tensor.dtype, shape, data: tensor.data.subarray(start * perRow, end * perRow) };
}

/** The bytes of the tensor's data: for limits and metrics. */
export function byteLengthOf(tensor: Tensor): number {
  if (tensor.dtype !== 'string') return tensor.data.byteLength;
  let total = 0;
  for (const element of tensor.data) total += element.byteLength;
  return total;
}

/** The cost of a string's object, in bytes. */
const STRING_OBJECT_BYTES = 64;

/** Do the tensors take more than `limit` bytes together, their strings' objects included? Ends as soon as it knows. */
export function areLargerThan(tensors: TensorMap, limit: number): boolean {
  let bytes = 0;
  for (const tensor of tensors.values()) {
    bytes += tensor.data.length;
    if (tensor.dtype !== 'string') continue;
    bytes += tensor.data.length * STRING_OBJECT_BYTES;
    for (let i = 0; i < tensor.data.length && bytes <= limit; i++) bytes += tensor.data[i]!.length;
  }
  return bytes > limit;
}

/** The bytes of all tensors' data. */
export function byteLengthOfAll(tensors: TensorMap): number {
  let bytes = 0;
  for (const tensor of tensors.values()) bytes += byteLengthOf(tensor);
  return bytes;
}

/** The approximate memory of the tensors, their strings' objects included, in bytes. */
export function memoryOf(tensors: TensorMap): number {
  let bytes = byteLengthOfAll(tensors);
  for (const { dtype, data } of tensors.values()) if (dtype === 'string') bytes += data.length * STRING_OBJECT_BYTES;
  return bytes;
}

/**
 * A copy, where the tensor is a view of a larger memory, such as a row of a batch's output: what is kept for long must
 * not keep the rest.
 */
export function withOwnMemory(tensor: Tensor): Tensor {
  const { data, dtype } = tensor;
  return dtype !== 'string' && data.byteLength === data.buffer.byteLength ? tensor : copyOf(tensor);
}

/** A copy, whatever it is a view of: the request that brought the tensor may end. */
export function copyOf(tensor: Tensor): Tensor {
  if (tensor.dtype === 'string') return { ...tensor, data: tensor.data.map((each) => Uint8Array.from(each)) };
  return { ...tensor, data: Uint8Array.from(tensor.data) };
}

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

/** A tensor of zeros, or of empty strings. */
export function zerosOf(dtype: DType, shape: Shape): Tensor {
  const count = elementCount(shape);
  if (dtype === 'string') return { dtype, shape, data: new Array(count).fill(new Uint8Array(0)) };
  return { dtype, shape, data: new Uint8Array(count * bytesPerElement(dtype)) };
}
