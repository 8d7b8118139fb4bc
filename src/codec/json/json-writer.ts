/**
 * JSON text, written into one buffer that grows and is used again for the next text.
 *
 * A text of at most KEPT_BYTES is copied out. A longer one takes the buffer with it, so that a large answer is not
 * copied and a large buffer is not kept.
 */
import { Buffer } from 'node:buffer';
import { MAX_NUMBER_LENGTH, writeAscii, writeFloat32, writeLong } from './float-text.ts';
import { BACKSLASH, COMMA, QUOTE, SPACE } from './json-chars.ts';

const KEPT_BYTES = 64 * 1024;

/** A comma and a number. */
const ELEMENT_ROOM = MAX_NUMBER_LENGTH + 1;

const HEX = '0123456789abcdef';

/** 1 for bytes that a string writes as an escape. */
const ESCAPED = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte < SPACE || byte === QUOTE || byte === BACKSLASH),
);

/** Any typed array of plain numbers. */
export interface NumberElements {
  readonly length: number;
  readonly [index: number]: number;
}

export class JsonWriter {
  #out = Buffer.allocUnsafe(KEPT_BYTES);
  #at = 0;

  /** Starts a new text. */
  clear(): void {
    this.#at = 0;
  }

  /** ASCII text that is JSON already. */
  ascii(text: string): void {
    this.#reserve(text.length);
    this.#at = writeAscii(this.#out, this.#at, text);
  }

  /** A string, quoted and escaped. Bytes that are not UTF-8 are written as they are. */
  string(bytes: Uint8Array): void {
    let escapes = 0;
    for (let i = 0; i < bytes.length; i++) escapes += ESCAPED[bytes[i]!]!;
    this.#reserve(bytes.length + 5 * escapes + 2);
    this.#out[this.#at++] = QUOTE;
    if (escapes === 0) {
      this.#out.set(bytes, this.#at);
      this.#at += bytes.length;
    } else for (const byte of bytes) this.#character(byte);
    this.#out[this.#at++] = QUOTE;
  }

  /** {"b64":"…"} */
  base64(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    this.ascii('{"b64":"');
    this.#reserve(text.length);
    this.#at += this.#out.write(text, this.#at, 'latin1');
    this.ascii('"}');
  }

  /** The elements `start` to `end` with commas between; so are the lists below. */
  float32s(values: Float32Array, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      this.#separate(i > start);
      this.#at = writeFloat32(this.#out, this.#at, values[i]!);
    }
  }

  /** Numbers, written by a function of float-text. */
  numbers(
    write: (out: Buffer, at: number, value: number) => number,
    values: NumberElements,
    start: number,
    end: number,
  ): void {
    for (let i = start; i < end; i++) {
      this.#separate(i > start);
      this.#at = write(this.#out, this.#at, values[i]!);
    }
  }

  /** 64-bit integers of two words each, the low one first. The high one is signed for int64. */
  longs(words: NumberElements, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      this.#separate(i > start);
      this.#at = writeLong(this.#out, this.#at, words[2 * i]! >>> 0, words[2 * i + 1]!);
    }
  }

  booleans(values: NumberElements, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      this.#separate(i > start);
      this.#at = writeAscii(this.#out, this.#at, values[i] === 0 ? 'false' : 'true');
    }
  }

  /** The text; the next one starts empty. */
  take(): Buffer {
    const written = this.#out.subarray(0, this.#at);
    this.#at = 0;
    if (this.#out.length === KEPT_BYTES) return Buffer.from(written);
    this.#out = Buffer.allocUnsafe(KEPT_BYTES);
    return written;
  }

  #separate(isNext: boolean): void {
    this.#reserve(ELEMENT_ROOM);
    if (isNext) this.#out[this.#at++] = COMMA;
  }

  #character(byte: number): void {
    if (ESCAPED[byte] === 0) this.#out[this.#at++] = byte;
    else if (byte >= SPACE) {
      this.#out[this.#at++] = BACKSLASH;
      this.#out[this.#at++] = byte;
    } else this.#at = writeAscii(this.#out, this.#at, `\\u00${HEX[byte >> 4]}${HEX[byte & 15]}`);
  }

  #reserve(bytes: number): void {
    if (this.#out.length - this.#at >= bytes) return;
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#out.length, this.#at + bytes));
    this.#out.copy(grown, 0, 0, this.#at);
    this.#out = grown;
  }
}
