/** Writes and reads the meta of a frame: numbers and texts one after the other. */
import { Buffer } from 'node:buffer';

const FIRST_BYTES = 4096;

/** Its buffer grows and is reused: `bytes` is valid until the next `clear`. */
export class MetaWriter {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  clear(): void {
    this.#length = 0;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  uint32(value: number): void {
    this.#room(4);
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
  }

  double(value: number): void {
    this.#room(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  text(value: string): void {
    // UTF-8 takes at most three bytes for each of a string's units.
    this.#room(4 + 3 * value.length);
    const byteLength = this.#buffer.write(value, this.#length + 4, 'utf8');
    this.#buffer.writeUInt32LE(byteLength, this.#length);
    this.#length += 4 + byteLength;
  }

  #room(byteLength: number): void {
    const needed = this.#length + byteLength;
    if (needed <= this.#buffer.byteLength) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.byteLength));
    larger.set(this.bytes);
    this.#buffer = larger;
  }
}

/** Its methods throw a RangeError when the bytes end too early. */
export class MetaReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  uint32(): number {
    const value = this.#bytes.readUInt32LE(this.#at);
    this.#at += 4;
    return value;
  }

  double(): number {
    const value = this.#bytes.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  text(): string {
    const byteLength = this.uint32();
    const end = this.#at + byteLength;
    if (end > this.#bytes.byteLength) throw new RangeError('a text goes beyond the end');
    const value = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end;
    return value;
  }
}
