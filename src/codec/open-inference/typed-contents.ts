/**
 * InferTensorContents → a tensor's elements: in the field of their datatype, of which small integers share one.
 *
 *   1 bool, 2 int32, 3 int64, 4 uint32, 5 uint64: varints   6 float, 7 double: their bytes   8 bytes: a field for each
 *
 * In protobuf the message may come in several parts, of which some are taken, and a field in any number of runs, packed
 * or not. Nearly always there is one of both: then floats are a view of the message. Elements are counted before anything
 * is allocated.
 */
import { bytesPerElement, type DType, type NumericDType, type TypedArray, typedArrayOf } from '../../core/dtype.ts';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { cutName } from '../../core/list-names.ts';
import { formatShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import {
  countVarints,
  type FieldRun,
  nextRun,
  WIRE_FIXED32,
  WIRE_FIXED64,
  WIRE_LENGTH_DELIMITED,
  WIRE_VARINT,
  type WireReader,
} from '../protobuf/wire-reader.ts';
import type { TensorBudget } from '../tensorflow/tensor-proto/tensor-budget.ts';
import { DATATYPES } from './datatypes.ts';
import { checkNameCount } from './infer-request.ts';
import { chargedCount, nameOf, type TensorHead } from './raw-tensor.ts';

const FIELD_NAMES: Readonly<Record<number, string>> = {
  1: 'bool_contents',
  2: 'int_contents',
  3: 'int64_contents',
  4: 'uint_contents',
  5: 'uint64_contents',
  6: 'fp32_contents',
  7: 'fp64_contents',
  8: 'bytes_contents',
};
const FIRST_FLOATS = 6;
const STRINGS = 8;

/** The field of a dtype's elements; the two of 16 bits have none. */
const FIELDS: Readonly<Partial<Record<DType, number>>> = {
  bool: 1,
  int8: 2,
  int16: 2,
  int32: 2,
  int64: 3,
  uint8: 4,
  uint16: 4,
  uint32: 4,
  uint64: 5,
  float32: 6,
  float64: 7,
  string: STRINGS,
};

/** The places of one tensor's elements in the message. The runs are not kept: tiny ones may be many. */
export class TypedContents {
  /** Start and end of each part of the message, in turn. */
  readonly #parts: number[] = [];
  /** The part that is read next. */
  #next = 0;

  /** Steps over the part before which `reader` is. */
  scan(reader: WireReader): void {
    const length = reader.length();
    const start = reader.position;
    reader.advance(length);
    if (length > 0) checkNameCount('contents of a tensor', this.#parts.push(start, start + length) / 2);
  }

  /** There is nothing in it: some clients send an empty one beside raw contents. */
  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  /** The tensor. Throws ServingError: invalid_request, too_large. Leaves `reader` at any place. */
  read(reader: WireReader, head: TensorHead, budget: TensorBudget): Tensor {
    const { dtype, shape } = head;
    const field = FIELDS[dtype];
    if (field === undefined) throw onlyRaw(head);
    this.#rewind(reader);
    while (this.#enterNext(reader)) checkFields(reader, head, field);
    const count = chargedCount(head, budget);
    const sent = this.#count(reader, field, dtype);
    if (sent !== count) throw wrongCount(head, field, sent, count);
    if (dtype === 'string') return { dtype, shape, data: this.#strings(reader) };
    const data =
      dtype === 'float32' || dtype === 'float64'
        ? this.#floats(reader, field, count * bytesPerElement(dtype))
        : this.#integers(reader, { ...head, dtype }, field, count);
    return { dtype, shape, data };
  }

  #count(reader: WireReader, field: number, dtype: DType): number {
    const run: FieldRun = { start: 0, end: 0 };
    let count = 0;
    this.#rewind(reader);
    while (this.#nextRun(reader, field, run)) {
      if (dtype === 'string') count += 1;
      else if (field >= FIRST_FLOATS) count += wholeElements(reader, run, bytesPerElement(dtype));
      else count += countVarints(reader.bytes, run.start, run.end);
    }
    return count;
  }

  #strings(reader: WireReader): Uint8Array[] {
    const run: FieldRun = { start: 0, end: 0 };
    const strings: Uint8Array[] = [];
    this.#rewind(reader);
    while (this.#nextRun(reader, STRINGS, run)) strings.push(reader.view(run.start, run.end));
    return strings;
  }

  /** A view if there is one run, else a copy. */
  #floats(reader: WireReader, field: number, byteLength: number): Uint8Array {
    const run: FieldRun = { start: 0, end: 0 };
    this.#rewind(reader);
    if (!this.#nextRun(reader, field, run)) return new Uint8Array(0);
    if (run.end - run.start === byteLength) return reader.view(run.start, run.end);
    const data = new Uint8Array(byteLength);
    let at = 0;
    do {
      for (let i = run.start; i < run.end; i++) data[at++] = reader.bytes[i]!;
    } while (this.#nextRun(reader, field, run));
    return data;
  }

  #integers(reader: WireReader, head: NumericHead, field: number, count: number): Uint8Array {
    const elements = new (typedArrayOf(head.dtype))(count);
    // 64-bit elements are written as halves: a BigInt for each would cost ten times the decoding.
    const halves = bytesPerElement(head.dtype) === 8 ? new Uint32Array(elements.buffer) : undefined;
    const run: FieldRun = { start: 0, end: 0 };
    let at = 0;
    this.#rewind(reader);
    while (this.#nextRun(reader, field, run)) {
      const { end } = reader;
      reader.position = run.start;
      reader.end = run.end;
      at = halves === undefined ? readNarrow(reader, head, elements, at) : readWide(reader, halves, at);
      reader.end = end;
    }
    return new Uint8Array(elements.buffer);
  }

  #rewind(reader: WireReader): void {
    this.#next = 0;
    reader.position = 0;
    reader.end = 0;
  }

  #enterNext(reader: WireReader): boolean {
    if (this.#next === this.#parts.length) return false;
    reader.position = this.#parts[this.#next]!;
    reader.end = this.#parts[this.#next + 1]!;
    this.#next += 2;
    return true;
  }

  /** Moves to the next run of the field, of any part. Before the first, and after the last, the reader is at its end. */
  #nextRun(reader: WireReader, field: number, run: FieldRun): boolean {
    do {
      if (nextRun(reader, field, scalarWireType(field), run)) return true;
    } while (this.#enterNext(reader));
    return false;
  }
}

type NumericHead = TensorHead & { readonly dtype: NumericDType };

function scalarWireType(field: number): number {
  if (field < FIRST_FLOATS) return WIRE_VARINT;
  if (field === STRINGS) return WIRE_LENGTH_DELIMITED;
  return field === FIRST_FLOATS ? WIRE_FIXED32 : WIRE_FIXED64;
}

/** An empty run of another field is no element. */
function checkFields(reader: WireReader, head: TensorHead, field: number): void {
  while (reader.next()) {
    const { field: sent, wireType } = reader;
    if (sent === field || FIELD_NAMES[sent] === undefined) reader.skip();
    else if (wireType !== WIRE_LENGTH_DELIMITED) throw wrongField(head, sent, field);
    else {
      const length = reader.length();
      if (length > 0 || sent === STRINGS) throw wrongField(head, sent, field);
    }
  }
}

function wholeElements(reader: WireReader, { start, end }: FieldRun, size: number): number {
  if ((end - start) % size === 0) return (end - start) / size;
  throw reader.malformed(`a packed field of ${size}-byte elements is ${end - start} bytes long`);
}

/** The 64-bit varints up to the reader's end, as halves; `at` and the result count elements. */
function readWide(reader: WireReader, halves: Uint32Array, at: number): number {
  let next = at;
  for (; reader.position < reader.end; next++) {
    halves[2 * next] = reader.varint();
    halves[2 * next + 1] = reader.high;
  }
  return next;
}

/** The same for all others. A value that the dtype cannot hold is refused. */
function readNarrow(reader: WireReader, head: NumericHead, elements: TypedArray, at: number): number {
  const { dtype } = head;
  const isSigned = dtype.startsWith('int');
  let next = at;
  for (; reader.position < reader.end; next++) {
    const low = reader.varint();
    const value = dtype === 'bool' ? Number(low !== 0 || reader.high !== 0) : isSigned ? low | 0 : low;
    elements[next] = value;
    if (elements[next] !== value) throw outOfRange(head, next, value);
  }
  return next;
}

function wrongField(head: TensorHead, sent: number, field: number): ServingError {
  return invalidRequest(
    `unexpected explicit tensor data for ${head.what ?? 'input'} tensor '${cutName(head.name)}' in ${FIELD_NAMES[sent]}, expected ` +
      `datatype '${DATATYPES[head.dtype]}'; send them in ${FIELD_NAMES[field]}`,
  );
}

function wrongCount(head: TensorHead, field: number, sent: number, count: number): ServingError {
  const { dtype, shape } = head;
  return invalidRequest(
    `${nameOf(head)} has ${sent} elements in ${FIELD_NAMES[field]}, but ${DATATYPES[dtype]} ` +
      `${formatShape(shape)} takes ${count}; send exactly those`,
  );
}

function outOfRange(head: TensorHead, at: number, value: number): ServingError {
  return invalidRequest(
    `${nameOf(head)}, element ${at}, is ${value}, which ${DATATYPES[head.dtype]} cannot hold; send values in its range`,
  );
}

function onlyRaw(head: TensorHead): ServingError {
  return invalidRequest(
    `${nameOf(head)} is ${DATATYPES[head.dtype]}, which has no field in contents; send all inputs in ` +
      'raw_input_contents',
  );
}
