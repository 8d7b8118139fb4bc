/**
 * TensorProto → Tensor, with TensorFlow's own reading rules.
 *
 * - tensor_content wins when it is not empty, and must be exactly as long as dtype and shape ask for.
 * - Otherwise the dtype's own *_val field: none = zeros or empty strings, fewer = the last one repeats, more = the
 *   surplus is dropped; other *_val fields are not seen.
 * - No tensor_shape, or unknown_rank = a scalar.
 *
 * tensor_content and a packed float or double run become views of the message, without a copy; varints are decoded into
 * memory of our own. The filling rule lets ten bytes ask for terabytes, so every tensor is charged to the request's
 * budget before anything is allocated: past it, `too_large`.
 */
import { bytesPerElement, type DType, type NumericDType, type TypedArray, typedArrayOf } from '../../../core/dtype.ts';
import { ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import { formatShape, type Shape } from '../../../core/shape.ts';
import type { Tensor } from '../../../core/tensor.ts';
import { countVarints, lengthDelimited, varintTag, type WireReader } from '../../protobuf/wire-reader.ts';
import { readStringContent } from './string-content.ts';
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

/** What an element of a string tensor is charged beside its bytes: the object that stands for it. */
const STRING_ELEMENT_BYTES = 64;
/** Of a fixed element: a run so short is copied byte by byte, which costs less than a view of it. */
const MAX_ELEMENT_BYTES = 8;

/** Bytes that the tensors of one request may still take once they are decoded. */
export interface TensorBudget {
  readonly limit: number;
  left: number;
}

/** The fields of one TensorProto beside its *_val: filled by `scan`, part by part, as protobuf merges parts. */
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
 * The tensor in the map entry `entry`, whose parts `header` has scanned. `name` is for error texts. Leaves the reader
 * wherever it got to: the caller goes on from the entry's end.
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
  charge(budget, count * (dtype === 'string' ? STRING_ELEMENT_BYTES : bytesPerElement(dtype)), name, dtype, shape);
  const hasContent = contentEnd > contentStart;
  if (dtype === 'string') {
    const data = hasContent
      ? readStringContent(reader, contentStart, contentEnd, count, name)
      : readStringValues(reader, entry, count);
    return { dtype, shape, data };
  }
  if (!hasContent) return { dtype, shape, data: readNumericValues(reader, entry, dtype, count) };
  const want = count * bytesPerElement(dtype);
  if (contentEnd - contentStart !== want) {
    throw new ServingError(
      'invalid_request',
      `input ${quoteName(name)} has ${contentEnd - contentStart} bytes of tensor_content, but ${dtype} ${formatShape(shape)} takes ${want}; send exactly those`,
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

/** 0 as soon as one dim is 0, however large the others. */
function countElements(shape: Shape, name: string): number {
  let count = 1;
  let isEmpty = false;
  for (let i = 0; i < shape.length; i++) {
    const dim = shape[i]!;
    if (dim < 0 || dim > Number.MAX_SAFE_INTEGER) {
      throw new ServingError(
        dim < 0 ? 'invalid_request' : 'too_large',
        `input ${quoteName(name)} has the shape [${shape.join(',')}]; a tensor's dims are 0 or more, and less than 2^53`,
      );
    }
    if (dim === 0) isEmpty = true;
    count *= dim;
  }
  return isEmpty ? 0 : count;
}

/** Takes a tensor's size off the budget, or refuses it. */
function charge(budget: TensorBudget, bytes: number, name: string, dtype: DType, shape: Shape): void {
  if (bytes <= budget.left) {
    budget.left -= bytes;
    return;
  }
  throw new ServingError(
    'too_large',
    `input ${quoteName(name)} as ${dtype} ${formatShape(shape)} takes ${bytes} bytes, and a request's tensors may take ${budget.limit} together; send fewer rows at once`,
  );
}

function readStringValues(reader: WireReader, entry: EntryBounds, count: number): Uint8Array[] {
  const values = new TensorValues(reader, entry, VALUE_FIELDS.string.number, 'bytes', 0);
  const data: Uint8Array[] = [];
  while (data.length < count && values.next()) data.push(reader.view(values.start, values.end));
  const last = data[data.length - 1] ?? new Uint8Array(0);
  while (data.length < count) data.push(last);
  return data;
}

/** `count` elements as little-endian bytes: a view where the wire has just that, else memory of our own. */
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

/** Several runs, or too few elements: joined, and filled with the last one. `values` stands at the first run. */
function gatherFixed(reader: WireReader, values: TensorValues, size: number, want: number): Uint8Array {
  const data = new Uint8Array(want);
  let filled = 0;
  do {
    checkWhole(reader, values, size);
    const end = Math.min(values.end, values.start + want - filled);
    // Of an unpacked field each element is a run of its own.
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
    // `next` left the reader after the run, inside the part: back to its start, and to the same place again.
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
      // Storing into the array keeps the lower bits alone, which is the wrapping that TensorFlow does.
      for (let i = from; i < to; i++) out[i] = reader.varint();
  }
}

/** Repeats the element before `filled` (a byte offset) up to the end. With none before it the zeros stay. */
function repeatLast(data: Uint8Array, filled: number, size: number): void {
  if (filled === 0 || filled >= data.length) return;
  const start = filled - size;
  // What is repeated doubles with each copy.
  for (let have = size; start + have < data.length; have *= 2) data.copyWithin(start + have, start, start + have);
}
