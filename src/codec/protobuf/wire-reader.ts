/**
 * Protobuf's wire format, read in place: one reader for a message, moved forward by code that knows the fields.
 *
 *   while (reader.next())                 steps to the next field of the message that `end` bounds
 *     switch (reader.tag) {
 *       case lengthDelimited(2): {
 *         const outer = reader.enter();   narrows `end` to the submessage
 *         …                               the same loop again
 *         reader.leave(outer);            goes back to the byte after it
 *       }
 *       default: reader.skip();           an unknown field, or a known one in a wrong wire type
 *     }
 *
 * Every read is checked against `end`. A message that is cut off, or has an overlong varint or a group, throws
 * ServingError `invalid_request`. Nothing is copied: `view` gives the message's own bytes.
 */
import { Buffer } from 'node:buffer';
import { ServingError } from '../../core/errors.ts';

export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_LENGTH_DELIMITED = 2;
export const WIRE_FIXED32 = 5;

const TWO_TO_32 = 2 ** 32;

/** The tag of a varint field. */
export function varintTag(field: number): number {
  return (field << 3) | WIRE_VARINT;
}

/** The tag of a string, bytes, message or packed field. */
export function lengthDelimited(field: number): number {
  return (field << 3) | WIRE_LENGTH_DELIMITED;
}

export class WireReader {
  readonly bytes: Buffer;
  /** The offset of the byte that is read next. */
  position = 0;
  /** The offset of the byte after the current message. */
  end: number;
  /** The current field's number × 8 + wire type. */
  tag = 0;
  /** The upper 32 bits of the last varint. */
  high = 0;
  readonly #what: string;

  /** `what` is the message's name, for error texts. */
  constructor(message: Uint8Array, what: string) {
    this.bytes = Buffer.isBuffer(message)
      ? message
      : Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    this.end = message.byteLength;
    this.#what = what;
  }

  /** Moves to the next field; false at the end of the current message. */
  next(): boolean {
    if (this.position === this.end) return false;
    this.tag = this.varint();
    if (this.high !== 0 || this.tag < 8) throw this.malformed('there is no such field number');
    return true;
  }

  get field(): number {
    return this.tag >>> 3;
  }

  get wireType(): number {
    return this.tag & 7;
  }

  /** Moves past the current field's value. */
  skip(): void {
    switch (this.tag & 7) {
      case WIRE_VARINT:
        this.varint();
        return;
      case WIRE_FIXED64:
        this.advance(8);
        return;
      case WIRE_LENGTH_DELIMITED:
        this.advance(this.length());
        return;
      case WIRE_FIXED32:
        this.advance(4);
        return;
      default:
        throw this.malformed(`wire type ${this.tag & 7} is not one of proto3's`);
    }
  }

  /** Narrows to the current field's submessage; the result is for `leave`. */
  enter(): number {
    const outer = this.end;
    const length = this.length();
    this.end = this.position + length;
    return outer;
  }

  /** Goes back to the outer message, after the submessage, even if that was not read to its end. */
  leave(outer: number): void {
    this.position = this.end;
    this.end = outer;
  }

  /** The length of a length-delimited value, whose bytes begin at `position` and are all there. */
  length(): number {
    const length = this.varint();
    if (this.high !== 0 || length > this.end - this.position) throw this.malformed('it is cut off');
    return length;
  }

  advance(length: number): void {
    if (length > this.end - this.position) throw this.malformed('it is cut off');
    this.position += length;
  }

  /** The lower 32 bits as an unsigned number; `high` has the upper ones. */
  varint(): number {
    const { bytes, end } = this;
    let position = this.position;
    if (position < end) {
      const first = bytes[position]!;
      if (first < 0x80) {
        this.position = position + 1;
        this.high = 0;
        return first;
      }
    }
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= end) throw this.malformed('it is cut off');
      const byte = bytes[position++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.position = position;
        this.high = high >>> 0;
        return low >>> 0;
      }
    }
    throw this.malformed('a varint is longer than 10 bytes');
  }

  /** A signed 64-bit integer as a number: exact up to 2^53, rounded beyond. */
  int64AsNumber(): number {
    const low = this.varint();
    return (this.high | 0) * TWO_TO_32 + low;
  }

  int64(): bigint {
    const low = this.varint();
    if (this.high === 0) return BigInt(low);
    return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(low));
  }

  /** A string field. Bytes that are not UTF-8 become U+FFFD: a name with it is simply not found. */
  string(): string {
    const length = this.length();
    const start = this.position;
    this.position += length;
    return this.bytes.toString('utf8', start, start + length);
  }

  /** A bytes field: a view of the message. */
  bytesField(): Uint8Array {
    const length = this.length();
    const start = this.position;
    this.position += length;
    return this.view(start, start + length);
  }

  /** The message's own bytes from `start` to `end`: a plain Uint8Array, whose `slice` copies (a Buffer's does not). */
  view(start: number, end: number): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + start, end - start);
  }

  malformed(problem: string): ServingError {
    return new ServingError(
      'invalid_request',
      `${this.#what} is not valid protobuf near byte ${this.position} of ${this.bytes.length}: ${problem}; ` +
        'send the message as the .proto file has it',
    );
  }
}

/** One run of a repeated field's values: bytes from `start` to `end`, without tag and length. */
export interface FieldRun {
  start: number;
  end: number;
}

/**
 * Moves to the next run of `field` within the reader's bounds: a length-delimited value, or one element of
 * `scalarWireType` (WIRE_LENGTH_DELIMITED if a single element is length-delimited too). False after the last run; then
 * the reader is at its end.
 */
export function nextRun(reader: WireReader, field: number, scalarWireType: number, run: FieldRun): boolean {
  while (reader.next()) {
    if (reader.field !== field) reader.skip();
    else if (reader.wireType === WIRE_LENGTH_DELIMITED) {
      const length = reader.length();
      run.start = reader.position;
      run.end = reader.position + length;
      reader.position = run.end;
      return true;
    } else {
      const { wireType } = reader;
      run.start = reader.position;
      reader.skip();
      run.end = reader.position;
      if (wireType === scalarWireType) return true;
    }
  }
  return false;
}

/** The number of varints in a run. The last one may be cut off, which throws when it is read. */
export function countVarints(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++) if (bytes[i]! < 0x80) count += 1;
  if (end > start && bytes[end - 1]! >= 0x80) count += 1;
  return count;
}
