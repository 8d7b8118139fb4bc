/**
 * Tensor → TensorProto, in two steps: `measureTensor` counts the bytes exactly, `writeTensor` writes them. Maps of
 * tensors likewise.
 *
 * All elements go either into the dtype's *_val field, packed (many clients read nothing else), or into tensor_content.
 * tensor_shape is always written; for a scalar it is an empty message. float, double and tensor_content are one copy of
 * the tensor's bytes; integers are varints.
 */

import { Buffer } from 'node:buffer';
import type { TypedArray } from '../../../core/dtype.ts';
import {
  elements,
  type NumericTensor,
  type StringTensor,
  type Tensor,
  type TensorMap,
  wordsOf,
} from '../../../core/tensor.ts';
import {
  int32Size,
  lengthDelimitedSize,
  varint64Size,
  varintSize,
  type WireWriter,
} from '../../protobuf/wire-writer.ts';
import { DIM_SIZE, SHAPE_DIM, TENSOR_CONTENT, TENSOR_DTYPE, TENSOR_SHAPE, VALUE_FIELDS } from './tensor-fields.ts';
import { MAP_VALUE } from './tensor-values.ts';
import { DATA_TYPES } from './tf-dtype.ts';

/** The result of `measureTensor`, for `writeTensor`. Sizes are in bytes. */
export interface TensorMeasure {
  /** The whole TensorProto, without a tag and length of its own. */
  readonly size: number;
  readonly shapeSize: number;
  /** The field of the elements: TENSOR_CONTENT or the dtype's *_val. */
  readonly field: number;
  /** The value of that field; 0 = it is left out. Unused for strings in string_val. */
  readonly payloadSize: number;
}

/** The field dtype: its tag and its value take one byte each. */
const DTYPE_FIELD_BYTES = 2;
/** The tag and the length of a dim take one byte each. */
const DIM_HEAD_BYTES = 2;

export function measureTensor(tensor: Tensor, asContent: boolean): TensorMeasure {
  const { shape } = tensor;
  let shapeSize = 0;
  for (let i = 0; i < shape.length; i++) shapeSize += DIM_HEAD_BYTES + sizeOfDim(shape[i]!);
  const head = DTYPE_FIELD_BYTES + lengthDelimitedSize(TENSOR_SHAPE, shapeSize);
  const field = asContent ? TENSOR_CONTENT : VALUE_FIELDS[tensor.dtype].number;
  if (tensor.dtype === 'string' && !asContent) {
    return { size: head + sizeOfStrings(tensor), shapeSize, field, payloadSize: 0 };
  }
  const payloadSize = asContent ? sizeOfContent(tensor) : sizeOfPacked(tensor as NumericTensor);
  const size = head + (payloadSize === 0 ? 0 : lengthDelimitedSize(field, payloadSize));
  return { size, shapeSize, field, payloadSize };
}

export function writeTensor(writer: WireWriter, tensor: Tensor, measure: TensorMeasure): void {
  const { shapeSize, field, payloadSize } = measure;
  writer.numberField(TENSOR_DTYPE, DATA_TYPES[tensor.dtype]);
  writer.head(TENSOR_SHAPE, shapeSize);
  for (let i = 0; i < tensor.shape.length; i++) {
    const dim = tensor.shape[i]!;
    writer.head(SHAPE_DIM, sizeOfDim(dim));
    if (dim !== 0) writer.numberField(DIM_SIZE, dim);
  }
  if (tensor.dtype === 'string' && field !== TENSOR_CONTENT) {
    for (const element of tensor.data) {
      writer.head(field, element.byteLength);
      writer.bytes(element);
    }
    return;
  }
  if (payloadSize === 0) return;
  writer.head(field, payloadSize);
  if (tensor.dtype === 'string') {
    for (const element of tensor.data) writer.varint(element.byteLength);
    for (const element of tensor.data) writer.bytes(element);
  } else if (field === TENSOR_CONTENT) writer.bytes(tensor.data);
  else writePacked(writer, tensor);
}

/** A dim of 0 is an empty message. */
function sizeOfDim(dim: number): number {
  return dim === 0 ? 0 : 1 + varintSize(dim);
}

function sizeOfStrings(tensor: StringTensor): number {
  let size = 0;
  for (const element of tensor.data) size += lengthDelimitedSize(VALUE_FIELDS.string.number, element.byteLength);
  return size;
}

function sizeOfContent(tensor: Tensor): number {
  if (tensor.dtype !== 'string') return tensor.data.byteLength;
  let size = 0;
  for (const element of tensor.data) size += varintSize(element.byteLength) + element.byteLength;
  return size;
}

function sizeOfPacked(tensor: NumericTensor): number {
  const { encoding } = VALUE_FIELDS[tensor.dtype];
  if (encoding === 'fixed' || encoding === 'bool') return tensor.data.byteLength;
  let size = 0;
  if (encoding === 'varint64') {
    const halves = wordsOf(tensor.data);
    for (let i = 0; i < halves.length; i += 2) size += varint64Size(halves[i]!, halves[i + 1]!);
    return size;
  }
  const values = smallIntegers(tensor);
  for (let i = 0; i < values.length; i++) size += int32Size(values[i]!);
  return size;
}

function writePacked(writer: WireWriter, tensor: NumericTensor): void {
  const { encoding } = VALUE_FIELDS[tensor.dtype];
  if (encoding === 'fixed') writer.bytes(tensor.data);
  else if (encoding === 'bool') for (const byte of tensor.data) writer.varint(byte === 0 ? 0 : 1);
  else if (encoding === 'varint64') {
    const halves = wordsOf(tensor.data);
    for (let i = 0; i < halves.length; i += 2) writer.varint64(halves[i]!, halves[i + 1]!);
  } else {
    const values = smallIntegers(tensor);
    for (let i = 0; i < values.length; i++) writer.int32(values[i]!);
  }
}

/** Elements of up to 32 bits, as numbers. */
function smallIntegers(tensor: NumericTensor): Exclude<TypedArray, BigInt64Array | BigUint64Array> {
  return elements(tensor) as Exclude<TypedArray, BigInt64Array | BigUint64Array>;
}

const MAP_KEY = 1;

/** The size of one map entry, and of its parts, in bytes. */
interface EntryMeasure {
  readonly keySize: number;
  readonly entrySize: number;
  readonly tensor: TensorMeasure;
}

/** A map<string, TensorProto>, measured. */
interface TensorMapMeasure {
  /** The bytes of all entries, with their tags and lengths. */
  readonly size: number;
  /** The results in the order of the tensors. */
  readonly entries: readonly EntryMeasure[];
}

/**
 * Measures `tensors` as the map field `field`.
 *
 * @param asContent elements in tensor_content instead of the typed *_val fields
 * @param stringsAsContent the same for strings
 */
export function measureTensorMap(
  field: number,
  tensors: TensorMap,
  asContent: boolean,
  stringsAsContent = asContent,
): TensorMapMeasure {
  // A list that grows has room for 17 from its first element on.
  const entries = new Array<EntryMeasure>(tensors.size);
  let [size, index] = [0, 0];
  for (const [name, tensor] of tensors) {
    const keySize = Buffer.byteLength(name);
    const measure = measureTensor(tensor, tensor.dtype === 'string' ? stringsAsContent : asContent);
    const entrySize = lengthDelimitedSize(MAP_KEY, keySize) + lengthDelimitedSize(MAP_VALUE, measure.size);
    size += lengthDelimitedSize(field, entrySize);
    entries[index++] = { keySize, entrySize, tensor: measure };
  }
  return { size, entries };
}

export function writeTensorMap(
  writer: WireWriter,
  field: number,
  tensors: TensorMap,
  { entries }: TensorMapMeasure,
): void {
  let index = 0;
  for (const [name, tensor] of tensors) {
    const { keySize, entrySize, tensor: measure } = entries[index++]!;
    writer.head(field, entrySize);
    writer.head(MAP_KEY, keySize);
    writer.text(name, keySize);
    writer.head(MAP_VALUE, measure.size);
    writeTensor(writer, tensor, measure);
  }
}
