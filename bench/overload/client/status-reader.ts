/**
 * The grpc-status of header blocks, without decoding them where that can be: our server refers to the static table
 * alone, and a refusal's text and details would cost the generator more than the request.
 *
 * A block that uses or changes the dynamic table, or has the name in Huffman's code, goes through the decoder. Those
 * that do not are no news to it: skipping them leaves its table right.
 */
import { Buffer } from 'node:buffer';
import { HpackDecoder } from '../../../src/proxy/http2/hpack/hpack-decoder.ts';

const NAME = Buffer.from('grpc-status');
const MAX_LIST_BYTES = 65_536;
const STATIC_ENTRIES = 61;

/** Blocks of one connection, in their order. */
export class StatusReader {
  readonly #decoder = new HpackDecoder(MAX_LIST_BYTES);
  #at = 0;

  /** NaN: the block has no status. Throws on one that is malformed. */
  statusOf(bytes: Buffer, start: number, end: number): number {
    const status = this.#peek(bytes, start, end);
    if (status !== undefined) return status;
    const { fields } = this.#decoder.decode(bytes, start, end);
    return Number(fields.find(({ name }) => name === 'grpc-status')?.value ?? Number.NaN);
  }

  /** Undefined: the decoder has to look at it. */
  #peek(bytes: Buffer, start: number, end: number): number | undefined {
    let status = Number.NaN;
    this.#at = start;
    while (this.#at < end) {
      const first = bytes[this.#at]!;
      if ((first & 0x80) !== 0) {
        if (this.#integer(bytes, 0x7f) > STATIC_ENTRIES) return undefined;
        continue;
      }
      // A literal that goes into the dynamic table, or a change of its size.
      if ((first & 0x60) !== 0) return undefined;
      const nameIndex = this.#integer(bytes, 0x0f);
      if (nameIndex > STATIC_ENTRIES) return undefined;
      let isStatus = false;
      if (nameIndex === 0) {
        if ((bytes[this.#at]! & 0x80) !== 0) return undefined;
        const length = this.#integer(bytes, 0x7f);
        isStatus = length === NAME.length && NAME.compare(bytes, this.#at, this.#at + length) === 0;
        this.#at += length;
      }
      const isHuffman = (bytes[this.#at]! & 0x80) !== 0;
      const length = this.#integer(bytes, 0x7f);
      if (isStatus && isHuffman) return undefined;
      if (isStatus) status = Number(bytes.toString('latin1', this.#at, this.#at + length));
      this.#at += length;
    }
    // The position is past the end: the block is malformed, and the decoder says how.
    return this.#at === end ? status : undefined;
  }

  #integer(bytes: Buffer, mask: number): number {
    let value = bytes[this.#at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return value;
  }
}
