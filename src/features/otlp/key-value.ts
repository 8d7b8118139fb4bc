/** Encodes OTLP's KeyValue and AnyValue (opentelemetry/proto/common/v1/common.proto). */
import { type GrowingWriter, UTF8_BYTES_A_UNIT } from '../../codec/protobuf/growing-writer.ts';
import { highOf } from '../../codec/protobuf/wire-writer.ts';
import type { AttributeKey, AttributeValue } from '../../ledger/tracing/span-output.ts';

/** A resource's attributes may also be lists. */
export type AnyValue = AttributeValue | readonly AnyValue[];

const VALUE = 0x12;
const STRING_VALUE = 0x0a;
const BOOL_VALUE = 0x10;
const INT_VALUE = 0x18;
const DOUBLE_VALUE = 0x21;
const ARRAY_VALUE = 0x2a;
const ARRAY_ITEM = 0x0a;

const TWO_TO_63 = 2 ** 63;

/** An upper bound for a number, or for a text's lengths, with all tags. */
const FIXED_BYTES = 40;
/** Bytes reserved for a length: nearly all values are shorter than 128 bytes. */
const LENGTH = 1;

/** Writes a KeyValue as a field with that one-byte tag. An integer becomes an int, another number a double. */
export function writeKeyValue(writer: GrowingWriter, tag: number, key: AttributeKey, value: AnyValue): void {
  const { bytes } = key;
  writer.reserve(FIXED_BYTES + bytes.length);
  writer.varint(tag);
  const at = writer.begin(LENGTH);
  writer.shortBytes(bytes);
  writeAnyValue(writer, VALUE, value);
  writer.end(at, LENGTH);
}

/** Writes an AnyValue as a field with that one-byte tag. */
export function writeAnyValue(writer: GrowingWriter, tag: number, value: AnyValue): void {
  writer.reserve(FIXED_BYTES + (typeof value === 'string' ? value.length * UTF8_BYTES_A_UNIT : 0));
  writer.varint(tag);
  const at = writer.begin(LENGTH);
  if (typeof value === 'string') {
    writer.varint(STRING_VALUE);
    writer.lengthAndText(value);
  } else if (typeof value === 'number') writeNumber(writer, value);
  else if (typeof value === 'boolean') {
    writer.varint(BOOL_VALUE);
    writer.varint(value ? 1 : 0);
  } else writeItems(writer, value);
  writer.reserve(FIXED_BYTES);
  writer.end(at, LENGTH);
}

function writeNumber(writer: GrowingWriter, value: number): void {
  if (Number.isInteger(value) && Math.abs(value) < TWO_TO_63) {
    writer.varint(INT_VALUE);
    // Two's complement: `highOf` floors, and both halves are taken modulo 2^32.
    writer.varint64(value >>> 0, highOf(value) >>> 0);
  } else {
    writer.varint(DOUBLE_VALUE);
    writer.double(value);
  }
}

function writeItems(writer: GrowingWriter, items: readonly AnyValue[]): void {
  writer.varint(ARRAY_VALUE);
  const at = writer.begin(LENGTH);
  for (const item of items) writeAnyValue(writer, ARRAY_ITEM, item);
  writer.reserve(FIXED_BYTES);
  writer.end(at, LENGTH);
}
