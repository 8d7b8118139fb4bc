/**
 * Protobuf's wire format, written in one of two ways:
 * - `WireWriter` fills one buffer whose exact size was counted before (`…Size`): for Predict, where speed counts;
 * - each `…Field` function makes one field, and `message` joins them: for small messages, where clarity counts.
 *
 * The `…Field` functions leave out default values, as proto3 does; only `messageField` does not.
 */
import { Buffer } from 'node:buffer';
import { WIRE_LENGTH_DELIMITED, WIRE_VARINT } from './wire-reader.ts';

/** Texts of at most so many bytes are copied in a loop. */
const SHORT_TEXT = 32;
const TWO_TO_32 = 2 ** 32;
const EMPTY = Buffer.alloc(0);

/** The bytes of the varint of a non-negative safe integer. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 4 + varintSize(Math.floor(value / 0x10000000));
}

/** The bytes of an int32's varint: a negative one is sign-extended to 64 bits and takes ten. */
export function int32Size(value: number): number {
  return value < 0 ? 10 : varintSize(value);
}

/** The bytes of a 64-bit varint, given as two unsigned halves. */
export function varint64Size(low: number, high: number): number {
  if (high === 0) return varintSize(low);
  // 35 bits fill five bytes; three of them come from `high`.
  if (high < 8) return 5;
  return 5 + varintSize(high >>> 3);
}

/** The bytes of a length-delimited field whose value has `length` bytes. The field's number is below 2048. */
export function lengthDelimitedSize(field: number, length: number): number {
  return (field < 16 ? 1 : 2) + (length < 0x80 ? 1 : varintSize(length)) + length;
}

export class WireWriter {
  /** A GrowingWriter may replace it. */
  buffer: Buffer;
  position: number;

  /** @param room bytes left free in front of the message */
  constructor(size: number, room = 0) {
    this.buffer = Buffer.allocUnsafe(room + size);
    this.position = room;
  }

  /** The tag and length of a length-delimited field; its bytes follow. */
  head(field: number, length: number): void {
    const { buffer, position } = this;
    if (field < 16 && length < 0x80) {
      buffer[position] = (field << 3) | WIRE_LENGTH_DELIMITED;
      buffer[position + 1] = length;
      this.position = position + 2;
    } else {
      this.varint((field << 3) | WIRE_LENGTH_DELIMITED);
      this.varint(length);
    }
  }

  /** A varint field whose number is below 16. `value` is a non-negative safe integer. */
  numberField(field: number, value: number): void {
    this.buffer[this.position++] = (field << 3) | WIRE_VARINT;
    this.varint(value);
  }

  /** A non-negative safe integer. */
  varint(value: number): void {
    if (value > 0xffffffff) {
      this.varint64(value >>> 0, highOf(value));
      return;
    }
    const { buffer } = this;
    let rest = value;
    while (rest > 0x7f) {
      buffer[this.position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[this.position++] = rest;
  }

  /** A 64-bit value, given as two unsigned halves. */
  varint64(low: number, high: number): void {
    const { buffer } = this;
    let l = low;
    let h = high;
    while (h !== 0 || l > 0x7f) {
      buffer[this.position++] = (l & 0x7f) | 0x80;
      l = ((l >>> 7) | (h << 25)) >>> 0;
      h >>>= 7;
    }
    buffer[this.position++] = l;
  }

  /** A signed 32-bit value, sign-extended to 64 bits. */
  int32(value: number): void {
    if (value < 0) this.varint64(value >>> 0, 0xffffffff);
    else this.varint(value);
  }

  bytes(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.position);
    this.position += bytes.byteLength;
  }

  /** `length` is Buffer.byteLength(text). */
  text(text: string, length: number): void {
    const { buffer, position } = this;
    // Most names are short and ASCII, where a loop is faster than a call into C++.
    if (length > SHORT_TEXT || length !== text.length) buffer.write(text, position, length, 'utf8');
    else for (let i = 0; i < length; i++) buffer[position + i] = text.charCodeAt(i);
    this.position += length;
  }
}

/** The upper 32 bits of a non-negative safe integer. */
export function highOf(value: number): number {
  return Math.floor(value / TWO_TO_32);
}

/** A message of the given fields. */
export function message(...fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(fields);
}

/** The same, with `room` bytes left free in front. */
export function messageWithRoom(room: number, fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([Buffer.allocUnsafe(room), ...fields]);
}

/** A string, bytes or already made submessage; left out when empty. */
export function bytesField(field: number, value: Uint8Array | string): Uint8Array {
  return value.length === 0 ? EMPTY : messageField(field, value);
}

/** A submessage, written even if it is empty. */
export function messageField(field: number, value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  const writer = new WireWriter(lengthDelimitedSize(field, bytes.byteLength));
  writer.head(field, bytes.byteLength);
  writer.bytes(bytes);
  return writer.buffer;
}

/** An int32, int64, enum or bool; left out when 0. */
export function varintField(field: number, value: number | bigint | boolean): Uint8Array {
  const bits = BigInt.asUintN(64, BigInt(value));
  if (bits === 0n) return EMPTY;
  const low = Number(bits & 0xffffffffn);
  const high = Number(bits >> 32n);
  const tag = (field << 3) | WIRE_VARINT;
  const writer = new WireWriter(varintSize(tag) + varint64Size(low, high));
  writer.varint(tag);
  writer.varint64(low, high);
  return writer.buffer;
}

/** One entry of a map<string, message>. */
export function mapField(field: number, key: string, value: Uint8Array): Uint8Array {
  return messageField(field, message(bytesField(1, key), messageField(2, value)));
}
