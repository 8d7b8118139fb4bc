/** TensorProto of onnx.proto: an initializer or a constant. Only small ones of numbers have elements. */
import { Buffer } from 'node:buffer';
import {
  lengthDelimited,
  varintTag,
  WIRE_FIXED32,
  WIRE_FIXED64,
  type WireReader,
} from '../../../../codec/protobuf/wire-reader.ts';
import { isFloatType, isNarrowType, TEXT_TYPE, type TensorProto } from '../../../graph/graph-proto.ts';
import { MOST_DIMS, SMALL_BYTES, undecidedModel } from '../../../graph/limits.ts';

const MOST_NUMBERS = 1024;

/** Reads elements of a raw_data field by ONNX's number of the element type. */
const RAW_ELEMENTS: Readonly<Record<number, readonly [bytes: number, read: (data: Buffer, at: number) => number]>> = {
  1: [4, (data, at) => data.readFloatLE(at)],
  2: [1, (data, at) => data.readUInt8(at)],
  3: [1, (data, at) => data.readInt8(at)],
  4: [2, (data, at) => data.readUInt16LE(at)],
  5: [2, (data, at) => data.readInt16LE(at)],
  6: [4, (data, at) => data.readInt32LE(at)],
  7: [8, (data, at) => Number(data.readBigInt64LE(at))],
  9: [1, (data, at) => data.readUInt8(at)],
  10: [2, (data, at) => halfOf(data.readUInt16LE(at))],
  11: [8, (data, at) => data.readDoubleLE(at)],
  12: [4, (data, at) => data.readUInt32LE(at)],
  13: [8, (data, at) => Number(data.readBigUInt64LE(at))],
  16: [2, (data, at) => brainOf(data.readUInt16LE(at))],
};
/** Types whose elements outside of raw_data are bit patterns. */
const BITS: Readonly<Record<number, (bits: number) => number>> = { 10: halfOf, 16: brainOf };

interface TensorFields {
  readonly dims: number[];
  readonly numbers: number[];
  raw: Buffer | undefined;
  type: number;
  name: string;
  /** A part was left out, is in another file, or is of a kind that is not read here. */
  isPartial: boolean;
}

export function readTensor(reader: WireReader): TensorProto {
  const fields: TensorFields = { dims: [], numbers: [], raw: undefined, type: 0, name: '', isPartial: false };
  const outer = reader.enter();
  while (reader.next()) readField(reader, fields);
  reader.leave(outer);
  if (fields.dims.length > MOST_DIMS) throw undecidedModel(`a tensor has more than ${MOST_DIMS} dims`);
  if (fields.dims.some((dim) => dim < 0)) throw undecidedModel('a tensor has a negative dim');
  const { name, type, dims } = fields;
  const kind = { isFloat: isFloatType(type), isText: type === TEXT_TYPE, isNarrow: isNarrowType(type) };
  return { name, ...kind, dims, elements: elementsOf(fields) };
}

function readField(reader: WireReader, fields: TensorFields): void {
  if (reader.tag === varintTag(1)) fields.dims.push(reader.int64AsNumber());
  else if (reader.tag === lengthDelimited(1)) readPacked(reader, fields.dims);
  else if (reader.tag === varintTag(2)) fields.type = reader.varint();
  else if (reader.tag === lengthDelimited(8)) fields.name = reader.string();
  else if (reader.tag === lengthDelimited(9)) {
    const bytes = reader.bytesField();
    if (bytes.length <= SMALL_BYTES) fields.raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    else fields.isPartial = true;
  } else if (isNumbers(reader.tag)) readNumbers(reader, fields.numbers);
  else {
    // Segments, texts, other files, what was left out; names of the documentation are harmless.
    fields.isPartial ||= reader.field !== 12 && !(reader.tag === varintTag(14));
    reader.skip();
  }
}

/** float_data, int32_data, int64_data, double_data, uint64_data. */
function isNumbers(tag: number): boolean {
  return [4, 5, 7, 10, 11].includes(tag >>> 3);
}

function readNumbers(reader: WireReader, numbers: number[]): void {
  const { field } = reader;
  const scalar = field === 4 ? WIRE_FIXED32 : field === 10 ? WIRE_FIXED64 : 0;
  if (reader.wireType === scalar) {
    numbers.push(readNumber(reader, field));
    return;
  }
  const outer = reader.enter();
  while (reader.position < reader.end) numbers.push(readNumber(reader, field));
  reader.leave(outer);
}

function readNumber(reader: WireReader, field: number): number {
  const at = reader.position;
  if (field === 4) {
    reader.advance(4);
    return reader.bytes.readFloatLE(at);
  }
  if (field === 10) {
    reader.advance(8);
    return reader.bytes.readDoubleLE(at);
  }
  return reader.int64AsNumber();
}

function readPacked(reader: WireReader, values: number[]): void {
  const outer = reader.enter();
  while (reader.position < reader.end) values.push(reader.int64AsNumber());
  reader.leave(outer);
}

function elementsOf({ dims, numbers, raw, type, isPartial }: TensorFields): readonly number[] | undefined {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const how = RAW_ELEMENTS[type];
  if (isPartial || how === undefined || count > MOST_NUMBERS) return undefined;
  if (raw === undefined) {
    const fromBits = BITS[type];
    const known = fromBits === undefined ? numbers : numbers.map(fromBits);
    return known.length === count ? known : undefined;
  }
  const [bytes, read] = how;
  if (raw.length !== count * bytes) return undefined;
  return Array.from({ length: count }, (_, i) => read(raw, i * bytes));
}

/** The float16 of these bits. */
function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The bfloat16 of these bits: the upper half of a float32. */
function brainOf(bits: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(bits & 0xffff, 2);
  return bytes.readFloatLE();
}
