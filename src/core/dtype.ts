/**
 * Element types of tensors, by their common names. Sizes are in bytes; `string` has no fixed size.
 * float16 and bfloat16 elements are held as their 16-bit patterns (Uint16Array), for want of a JavaScript type.
 */

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

interface TypedArrayConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray;
  new (length: number): TypedArray;
}

const NUMERIC = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies Record<string, TypedArrayConstructor>;

export type NumericDType = keyof typeof NUMERIC;
export type DType = NumericDType | 'string';

export const NUMERIC_DTYPES = Object.keys(NUMERIC) as readonly NumericDType[];
export const DTYPES: readonly DType[] = [...NUMERIC_DTYPES, 'string'];

/** The bytes of one element. Throws a plain Error for `string`, which is a caller's mistake. */
export function bytesPerElement(dtype: DType): number {
  if (dtype === 'string') throw new Error('string elements have no fixed size');
  return NUMERIC[dtype].BYTES_PER_ELEMENT;
}

/** The typed array class whose elements are this dtype's. */
export function typedArrayOf(dtype: NumericDType): TypedArrayConstructor {
  return NUMERIC[dtype];
}
