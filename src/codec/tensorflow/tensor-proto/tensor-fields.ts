/**
 * TensorProto's fields (tensorflow/core/framework/tensor.proto), and the field that holds a dtype's elements.
 */
import type { DType } from '../../../core/dtype.ts';

export const TENSOR_DTYPE = 1;
export const TENSOR_SHAPE = 2;
export const TENSOR_CONTENT = 4;

export const SHAPE_DIM = 2;
export const SHAPE_UNKNOWN_RANK = 3;
export const DIM_SIZE = 1;

/**
 * How one element is encoded:
 * - `fixed`: its own little-endian bytes, so a packed run of them is the tensor's data;
 * - `varint32`: a varint whose lower 8, 16 or 32 bits are the element, so values out of range wrap;
 * - `varint64`: a varint of 64 bits;
 * - `bool`: a varint, true unless 0;
 * - `bytes`: length and bytes.
 */
export type ElementEncoding = 'fixed' | 'varint32' | 'varint64' | 'bool' | 'bytes';

export interface ValueField {
  readonly number: number;
  readonly encoding: ElementEncoding;
}

export const VALUE_FIELDS: Readonly<Record<DType, ValueField>> = {
  float32: { number: 5, encoding: 'fixed' },
  float64: { number: 6, encoding: 'fixed' },
  int32: { number: 7, encoding: 'varint32' },
  uint8: { number: 7, encoding: 'varint32' },
  int16: { number: 7, encoding: 'varint32' },
  int8: { number: 7, encoding: 'varint32' },
  uint16: { number: 7, encoding: 'varint32' },
  string: { number: 8, encoding: 'bytes' },
  int64: { number: 10, encoding: 'varint64' },
  bool: { number: 11, encoding: 'bool' },
  float16: { number: 13, encoding: 'varint32' },
  bfloat16: { number: 13, encoding: 'varint32' },
  uint32: { number: 16, encoding: 'varint32' },
  uint64: { number: 17, encoding: 'varint64' },
};
