/**
 * Protobuf's wire format, written where the size is not known before: one buffer that grows as it has to, filled again
 * and again. A message's length stands in front of it, so room is left for it, and it is filled in at the message's end:
 *
 *   tag │ ? │ fields …      begin: room for a length of as many bytes as such messages mostly have
 *   tag │ n │ fields …      end: the length, and where it has another number of bytes the fields are moved once
 *
 * Nothing but `reserve` looks whether there is room: who writes says beforehand how many bytes may come.
 */
import { Buffer } from 'node:buffer';
import { varintSize, WireWriter } from './wire-writer.ts';

/** Of a hex digit's character; what is no digit counts as 0. */
const DIGIT_OF = new Uint8Array(128);
for (let digit = 0; digit < 16; digit++) {
  DIGIT_OF[digit.toString(16).charCodeAt(0)] = digit;
  DIGIT_OF[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** Bytes of UTF-8 to one UTF-16 unit, at most. */
export const UTF8_BYTES_A_UNIT = 3;

/** Up to so many units it costs less to copy them one by one than to call into C++. */
const SHORT_TEXT = 64;

export class GrowingWriter extends WireWriter {
  readonly #eight = new DataView(new ArrayBuffer(8));

  /** Makes room for `bytes` more. Throws RangeError where the machine has none. */
  reserve(bytes: number): void {
    const needed = this.position + bytes;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.position);
    this.buffer = grown;
  }

  /** Leaves room for a length of `lengthBytes` bytes; returns where, for `end`. */
  begin(lengthBytes: number): number {
    const at = this.position;
    this.position = at + lengthBytes;
    return at;
  }

  /** The message begun at `at` with `lengthBytes` is whole. Needs a reserve of 5 beyond it. */
  end(at: number, lengthBytes: number): void {
    const start = at + lengthBytes;
    const length = this.position - start;
    const needed = varintSize(length);
    if (needed !== lengthBytes) {
      this.buffer.copyWithin(at + needed, start, this.position);
      this.position += needed - lengthBytes;
    }
    const end = this.position;
    this.position = at;
    this.varint(length);
    this.position = end;
  }

  /** A text's length and its bytes. Needs a reserve of 5 and UTF8_BYTES_A_UNIT for each unit. */
  lengthAndText(text: string): void {
    const { length } = text;
    if (length > SHORT_TEXT || !this.#tryAscii(text)) {
      const bytes = Buffer.byteLength(text);
      this.varint(bytes);
      this.position += this.buffer.write(text, this.position, bytes, 'utf8');
    }
  }

  /** Hex digits as the bytes that they stand for. */
  hex(digits: string): void {
    const { buffer } = this;
    let { position } = this;
    for (let i = 0; i + 1 < digits.length; i += 2) {
      buffer[position++] = (DIGIT_OF[digits.charCodeAt(i)]! << 4) | DIGIT_OF[digits.charCodeAt(i + 1)]!;
    }
    this.position = position;
  }

  /** Few bytes: one by one, which costs less than `bytes` for fewer than some sixty. */
  shortBytes(bytes: Uint8Array): void {
    const { buffer } = this;
    let { position } = this;
    for (let i = 0; i < bytes.length; i++) buffer[position++] = bytes[i]!;
    this.position = position;
  }

  /** A fixed32, or the half of a fixed64. */
  fixed32(value: number): void {
    const { buffer, position } = this;
    buffer[position] = value;
    buffer[position + 1] = value >>> 8;
    buffer[position + 2] = value >>> 16;
    buffer[position + 3] = value >>> 24;
    this.position = position + 4;
  }

  /** A fixed64 from its halves (unsigned). */
  fixed64(low: number, high: number): void {
    this.fixed32(low);
    this.fixed32(high);
  }

  double(value: number): void {
    this.#eight.setFloat64(0, value, true);
    this.fixed64(this.#eight.getUint32(0, true), this.#eight.getUint32(4, true));
  }

  /** False, and nothing is written, where the text is not all ASCII. */
  #tryAscii(text: string): boolean {
    const { buffer, position } = this;
    const { length } = text;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return false;
      buffer[position + 1 + i] = unit;
    }
    buffer[position] = length;
    this.position = position + 1 + length;
    return true;
  }
}
