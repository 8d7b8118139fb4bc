/**
 * Protobuf's wire format, written without knowing the size: one buffer that grows and is filled again and again. The
 * length in front of a message is filled in at the message's end:
 *
 *   tag │ ? │ fields …      begin: leaves room for a length of the usual number of bytes
 *   tag │ n │ fields …      end: writes the length; the fields are moved if it has another number of bytes
 *
 * Only `reserve` checks for room: call it with the most bytes that may follow.
 */
import { Buffer } from 'node:buffer';
import { varintSize, WireWriter } from './wire-writer.ts';

/** The values of hex digits by character code; 0 for any other character. */
const DIGIT_OF = new Uint8Array(128);
for (let digit = 0; digit < 16; digit++) {
  DIGIT_OF[digit.toString(16).charCodeAt(0)] = digit;
  DIGIT_OF[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** The most bytes of UTF-8 for one UTF-16 unit. */
export const UTF8_BYTES_A_UNIT = 3;

/** Texts of at most so many UTF-16 units are copied in a loop, which is faster than a call into C++. */
const SHORT_TEXT = 64;

export class GrowingWriter extends WireWriter {
  readonly #eight = new DataView(new ArrayBuffer(8));

  /** Makes room for `bytes` more. Throws RangeError if there is no memory. */
  reserve(bytes: number): void {
    const needed = this.position + bytes;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.position);
    this.buffer = grown;
  }

  /** Leaves room for a length of `lengthBytes` bytes. The result is for `end`. */
  begin(lengthBytes: number): number {
    const at = this.position;
    this.position = at + lengthBytes;
    return at;
  }

  /** Ends the message that `begin(lengthBytes)` began at `at`. Needs a reserve of 5 bytes beyond it. */
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

  /** A text's length and its bytes. Needs a reserve of 5 bytes and UTF8_BYTES_A_UNIT for each unit. */
  lengthAndText(text: string): void {
    const { length } = text;
    if (length > SHORT_TEXT || !this.#tryAscii(text)) {
      const bytes = Buffer.byteLength(text);
      this.varint(bytes);
      this.position += this.buffer.write(text, this.position, bytes, 'utf8');
    }
  }

  /** The bytes that the hex digits stand for. */
  hex(digits: string): void {
    const { buffer } = this;
    let { position } = this;
    for (let i = 0; i + 1 < digits.length; i += 2) {
      buffer[position++] = (DIGIT_OF[digits.charCodeAt(i)]! << 4) | DIGIT_OF[digits.charCodeAt(i + 1)]!;
    }
    this.position = position;
  }

  /** The same as `bytes`, faster for fewer than about sixty. */
  shortBytes(bytes: Uint8Array): void {
    const { buffer } = this;
    let { position } = this;
    for (let i = 0; i < bytes.length; i++) buffer[position++] = bytes[i]!;
    this.position = position;
  }

  /** A fixed32, or one half of a fixed64. */
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

  /** Returns false, and writes nothing, if the text is not all ASCII. */
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
