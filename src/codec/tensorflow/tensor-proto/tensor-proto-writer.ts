/**
 * Tensor → TensorProto, in two steps: `measureTensor` counts the bytes exactly, `writeTensor` writes them.
 *
 * Elements go into the dtype's *_val field, packed and every one of them (many clients read nothing else), or all into
 * tensor_content. tensor_shape is always there, for a scalar as an empty message. float, double and tensor_content are
 * one copy of the tensor's bytes; integers are varints.
 */
import type { TypedArray } from '../../../core/dtype.ts';
import type { Shape } from '../../../core/shape.ts';
import { elements, type NumericTensor, type StringTensor, type Tensor } from '../../../core/tensor.ts';
import { varintTag } from '../../protobuf/wire-reader.ts';
import {
  highOf,
  int32Size,
  lengthDelimitedSize,
  varint64Size,
  varintSize,
  type WireWriter,
} from '../../protobuf/wire-writer.ts';
import { DIM_SIZE, SHAPE_DIM, TENSOR_CONTENT, TENSOR_DTYPE, TENSOR_SHAPE, VALUE_FIELDS } from './tensor-fields.ts';
import { dataTypeOf } from './tf-dtype.ts';

/** What `measureTensor` found: for `writeTensor`, which must not count again. */
export interface TensorMeasure {
  /** Of the whole TensorProto, without a tag and length of its own. */
  readonly size: number;
  readonly shapeSize: number;
  /** Of the one packed field or tensor_content; 0 = it is left out. Unused for strings in string_val. */
  readonly payloadSize: number;
}

export function measureTensor(tensor: Tensor, asContent: boolean): TensorMeasure {
  const shapeSize = sizeOfShape(tensor.shape);
  const head = 1 + varintSize(dataTypeOf(tensor.dtype)) + lengthDelimitedSize(TENSOR_SHAPE, shapeSize);
  if (tensor.dtype === 'string') {
    const payloadSize = asContent ? sizeOfStringContent(tensor) : 0;
    return {
      size: head + (asContent ? sizeOfField(TENSOR_CONTENT, payloadSize) : sizeOfStrings(tensor)),
      shapeSize,
      payloadSize,
    };
  }
  const field = asContent ? TENSOR_CONTENT : VALUE_FIELDS[tensor.dtype].number;
  const payloadSize = asContent ? tensor.data.byteLength : sizeOfPacked(tensor);
  return { size: head + sizeOfField(field, payloadSize), shapeSize, payloadSize };
}

export function writeTensor(writer: WireWriter, tensor: Tensor, measure: TensorMeasure, asContent: boolean): void {
  writer.varint(varintTag(TENSOR_DTYPE));
  writer.varint(dataTypeOf(tensor.dtype));
  writer.head(TENSOR_SHAPE, measure.shapeSize);
  writeShape(writer, tensor.shape);
  if (tensor.dtype === 'string' && !asContent) {
    for (const element of tensor.data) {
      writer.head(VALUE_FIELDS.string.number, element.byteLength);
      writer.bytes(element);
    }
    return;
  }
  if (measure.payloadSize === 0) return;
  writer.head(asContent ? TENSOR_CONTENT : VALUE_FIELDS[tensor.dtype].number, measure.payloadSize);
  if (tensor.dtype === 'string') {
    for (const element of tensor.data) writer.varint(element.byteLength);
    for (const element of tensor.data) writer.bytes(element);
  } else if (asContent) writer.bytes(tensor.data);
  else writePacked(writer, tensor);
}

/** A field that is left out when it is empty. */
function sizeOfField(field: number, payloadSize: number): number {
  return payloadSize === 0 ? 0 : lengthDelimitedSize(field, payloadSize);
}

function sizeOfStrings(tensor: StringTensor): number {
  let size = 0;
  for (const element of tensor.data) size += lengthDelimitedSize(VALUE_FIELDS.string.number, element.byteLength);
  return size;
}

function sizeOfStringContent(tensor: StringTensor): number {
  let size = 0;
  for (const element of tensor.data) size += varintSize(element.byteLength) + element.byteLength;
  return size;
}

function sizeOfShape(shape: Shape): number {
  let size = 0;
  for (let i = 0; i < shape.length; i++) size += lengthDelimitedSize(SHAPE_DIM, sizeOfDim(shape[i]!));
  return size;
}

function sizeOfDim(dim: number): number {
  return dim === 0 ? 0 : 1 + varint64Size(dim >>> 0, highOf(dim));
}

function writeShape(writer: WireWriter, shape: Shape): void {
  for (let i = 0; i < shape.length; i++) {
    const dim = shape[i]!;
    writer.head(SHAPE_DIM, sizeOfDim(dim));
    if (dim === 0) continue;
    writer.varint(varintTag(DIM_SIZE));
    writer.varint64(dim >>> 0, highOf(dim));
  }
}

function sizeOfPacked(tensor: NumericTensor): number {
  const { encoding } = VALUE_FIELDS[tensor.dtype];
  if (encoding === 'fixed' || encoding === 'bool') return tensor.data.byteLength;
  let size = 0;
  if (encoding === 'varint64') {
    const halves = halvesOf(tensor);
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
    const halves = halvesOf(tensor);
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

/** 64-bit elements as (low, high) pairs: a BigInt for each would cost ten times the writing. */
function halvesOf(tensor: NumericTensor): Uint32Array {
  const { data } = tensor;
  const aligned = data.byteOffset % Uint32Array.BYTES_PER_ELEMENT === 0 ? data : new Uint8Array(data);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}
