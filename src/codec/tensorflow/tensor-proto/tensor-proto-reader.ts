/**
 * TensorProto → Tensor, with TensorFlow's own reading rules.
 *
 * - A tensor_content that is not empty holds the elements, and must be as long as dtype and shape ask for.
 * - Otherwise the dtype's own *_val field holds them. No value: all are zero or empty strings. Too few: the last one
 *   repeats. Too many: the surplus is dropped. Other *_val fields are ignored.
 * - Without a tensor_shape, or with unknown_rank, the tensor is a scalar.
 *
 * tensor_content and a packed run of floats or doubles become views of the message; varints are decoded into memory of
 * their own. The repetition lets ten bytes ask for terabytes, so every tensor is charged to the request's budget before
 * anything is allocated, and elements that are not in the message to a smaller part of it (tensor-budget.ts): past it,
 * the request is `too_large`.
 */
import { bytesPerElement, type NumericDType, type TypedArray, typedArrayOf } from '../../../core/dtype.ts';
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import { formatShape, type Shape } from '../../../core/shape.ts';
import type { Tensor } from '../../../core/tensor.ts';
import { countVarints, lengthDelimited, varintTag, type WireReader } from '../../protobuf/wire-reader.ts';
import { chargeFilled, chargeTensor, type TensorBudget } from './tensor-budget.ts';
import {
  DIM_SIZE,
  SHAPE_DIM,
  SHAPE_UNKNOWN_RANK,
  TENSOR_CONTENT,
  TENSOR_DTYPE,
  TENSOR_SHAPE,
  VALUE_FIELDS,
  type ValueField,
} from './tensor-fields.ts';
import { type EntryBounds, TensorValues } from './tensor-values.ts';
import { dtypeOf, wrongDataType } from './tf-dtype.ts';

/** TensorFlow's own limit. */
const MAX_RANK = 254;

/** A run of one fixed element is copied byte by byte, which is faster than a view. */
const MAX_ELEMENT_BYTES = 8;

/** The fields of one TensorProto except its *_val. `scan` merges its parts, as protobuf does. */
export class TensorHeader {
  dataType = 0;
  dims: number[] = [];
  hasUnknownRank = false;
  contentStart = 0;
  contentEnd = 0;

  /** Reads the part that `reader` has entered, to its end. */
  scan(reader: WireReader): void {
    while (reader.next()) {
      switch (reader.tag) {
        case varintTag(TENSOR_DTYPE):
          this.dataType = reader.varint();
          break;
        case lengthDelimited(TENSOR_SHAPE): {
          const outer = reader.enter();
          this.#scanShape(reader);
          reader.leave(outer);
          break;
        }
        case lengthDelimited(TENSOR_CONTENT): {
          const length = reader.length();
          this.contentStart = reader.position;
          this.contentEnd = reader.position + length;
          reader.position = this.contentEnd;
          break;
        }
        default:
          reader.skip();
      }
    }
  }

  get shape(): Shape {
    return this.hasUnknownRank ? [] : this.dims;
  }

  #scanShape(reader: WireReader): void {
    while (reader.next()) {
      if (reader.tag === lengthDelimited(SHAPE_DIM)) {
        if (this.dims.length === MAX_RANK) throw reader.malformed(`a shape has more than ${MAX_RANK} dims`);
        const outer = reader.enter();
        this.dims.push(readDim(reader));
        reader.leave(outer);
      } else if (reader.tag === varintTag(SHAPE_UNKNOWN_RANK)) this.hasUnknownRank = readBool(reader);
      else reader.skip();
    }
  }
}

/**
 * The tensor in the map entry `entry`, whose parts `header` has scanned. `name` is for error texts. The reader is left
 * anywhere in the entry.
 */
export function readTensor(
  reader: WireReader,
  entry: EntryBounds,
  header: TensorHeader,
  name: string,
  budget: TensorBudget,
): Tensor {
  const dtype = dtypeOf(header.dataType);
  if (dtype === undefined) throw wrongDataType(`input ${quoteName(name)}`, header.dataType);
  const { shape, contentStart, contentEnd } = header;
  const count = countElements(shape, name);
  const hasContent = contentEnd > contentStart;
  chargeTensor(budget, name, dtype, shape, count, hasContent ? undefined : entry.end - entry.start);
  if (dtype === 'string') {
    const data = hasContent
      ? readStringContent(reader, contentStart, contentEnd, count, name)
      : readStringValues(reader, entry, count, (filled) => chargeFilled(budget, name, dtype, shape, filled));
    return { dtype, shape, data };
  }
  if (!hasContent) return { dtype, shape, data: readNumericValues(reader, entry, dtype, count) };
  const want = count * bytesPerElement(dtype);
  if (contentEnd - contentStart !== want) {
    throw invalidRequest(
      `input ${quoteName(name)} has ${contentEnd - contentStart} bytes of tensor_content, but ${dtype} ` +
        `${formatShape(shape)} takes ${want}; send exactly those`,
    );
  }
  return { dtype, shape, data: reader.view(contentStart, contentEnd) };
}

function readDim(reader: WireReader): number {
  let size = 0;
  while (reader.next()) {
    if (reader.tag === varintTag(DIM_SIZE)) size = reader.int64AsNumber();
    else reader.skip();
  }
  return size;
}

function readBool(reader: WireReader): boolean {
  return reader.varint() !== 0 || reader.high !== 0;
}

/**
 * The elements of a tensor of this shape: 0 as soon as one dim is 0, however large the others. Throws ServingError
 * (invalid_request, too_large) for a dim that no tensor has.
 */
export function countElements(shape: Shape, name: string, what = 'input'): number {
  let count = 1;
  let isEmpty = false;
  for (let i = 0; i < shape.length; i++) {
    const dim = shape[i]!;
    if (dim < 0 || dim > Number.MAX_SAFE_INTEGER) {
      throw new ServingError(
        dim < 0 ? 'invalid_request' : 'too_large',
        `${what} ${quoteName(name)} has the shape [${shape.join(',')}]; a tensor's dims are 0 or more, and less than ` +
          '2^53',
      );
    }
    if (dim === 0) isEmpty = true;
    count *= dim;
  }
  return isEmpty ? 0 : count;
}

/** `count` strings, as views, out of a tensor_content: every length as a varint, then every string's bytes. */
function readStringContent(reader: WireReader, start: number, end: number, count: number, name: string): Uint8Array[] {
  reader.position = start;
  reader.end = end;
  const ends = new Float64Array(count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    total += reader.varint() + reader.high * 2 ** 32;
    ends[i] = total;
  }
  const first = reader.position;
  if (first + total !== end) {
    throw invalidRequest(
      `input ${quoteName(name)} has ${end - first} bytes of strings in its tensor_content, but their lengths add up ` +
        `to ${total}; send all lengths as varints, then all bytes`,
    );
  }
  const data: Uint8Array[] = [];
  for (let i = 0; i < count; i++) data.push(reader.view(first + (i === 0 ? 0 : ends[i - 1]!), first + ends[i]!));
  return data;
}

/** `charge` is told the bytes of the strings that are repeated, beside their objects. */
function readStringValues(
  reader: WireReader,
  entry: EntryBounds,
  count: number,
  charge: (filled: number) => void,
): Uint8Array[] {
  const values = new TensorValues(reader, entry, VALUE_FIELDS.string.number, 'bytes', 0);
  const data: Uint8Array[] = [];
  while (data.length < count && values.next()) data.push(reader.view(values.start, values.end));
  const last = data[data.length - 1] ?? new Uint8Array(0);
  if (data.length < count) charge((count - data.length) * last.length);
  while (data.length < count) data.push(last);
  return data;
}

/** `count` elements as little-endian bytes: a view if the message has exactly that, else memory of their own. */
function readNumericValues(reader: WireReader, entry: EntryBounds, dtype: NumericDType, count: number): Uint8Array {
  const field = VALUE_FIELDS[dtype];
  const size = bytesPerElement(dtype);
  const values = new TensorValues(reader, entry, field.number, field.encoding, size);
  if (field.encoding !== 'fixed') return decodeVarints(reader, values, field, typedArrayOf(dtype), count);
  const want = count * size;
  if (!values.next()) return new Uint8Array(want);
  checkWhole(reader, values, size);
  if (values.end - values.start >= want) return reader.view(values.start, values.start + want);
  return gatherFixed(reader, values, size, want);
}

/** Joins several runs, and repeats the last element if there are too few. `values` is at the first run. */
function gatherFixed(reader: WireReader, values: TensorValues, size: number, want: number): Uint8Array {
  const data = new Uint8Array(want);
  let filled = 0;
  do {
    checkWhole(reader, values, size);
    const end = Math.min(values.end, values.start + want - filled);
    // Each element of an unpacked field is a run of its own.
    if (end - values.start > MAX_ELEMENT_BYTES) data.set(reader.bytes.subarray(values.start, end), filled);
    else for (let at = values.start; at < end; at++) data[filled + at - values.start] = reader.bytes[at]!;
    filled += end - values.start;
  } while (filled < want && values.next());
  repeatLast(data, filled, size);
  return data;
}

function checkWhole(reader: WireReader, values: TensorValues, size: number): void {
  if ((values.end - values.start) % size === 0) return;
  throw reader.malformed(`a packed field of ${size}-byte elements is ${values.end - values.start} bytes long`);
}

function decodeVarints(
  reader: WireReader,
  values: TensorValues,
  field: ValueField,
  Elements: new (length: number) => TypedArray,
  count: number,
): Uint8Array {
  const array = new Elements(count);
  const data = new Uint8Array(array.buffer);
  // 64-bit elements are written as halves: a BigInt for each would cost ten times the decoding.
  const out = field.encoding === 'varint64' ? new Uint32Array(array.buffer) : array;
  let filled = 0;
  while (filled < count && values.next()) {
    // `next` left the reader after the run: go back to its start, and afterwards to the same place again.
    const { end } = reader;
    reader.position = values.start;
    reader.end = values.end;
    const fits = Math.min(count - filled, countVarints(reader.bytes, values.start, values.end));
    decodeRun(reader, out, field, filled, filled + fits);
    filled += fits;
    reader.position = values.end;
    reader.end = end;
  }
  repeatLast(data, filled * array.BYTES_PER_ELEMENT, array.BYTES_PER_ELEMENT);
  return data;
}

function decodeRun(reader: WireReader, out: TypedArray, field: ValueField, from: number, to: number): void {
  switch (field.encoding) {
    case 'bool':
      for (let i = from; i < to; i++) out[i] = readBool(reader) ? 1 : 0;
      return;
    case 'varint64':
      for (let i = from; i < to; i++) {
        out[2 * i] = reader.varint();
        out[2 * i + 1] = reader.high;
      }
      return;
    default:
      // Storing into the array keeps the lower bits, which wraps as TensorFlow does.
      for (let i = from; i < to; i++) out[i] = reader.varint();
  }
}

/** Repeats the element before the byte offset `filled` up to the end. Without one the zeros stay. */
function repeatLast(data: Uint8Array, filled: number, size: number): void {
  if (filled === 0 || filled >= data.length) return;
  const start = filled - size;
  // Each copy doubles what is filled.
  for (let have = size; start + have < data.length; have *= 2) data.copyWithin(start + have, start, start + have);
}
