/**
 * Decodes the header blocks of one connection (RFC 7541). Every block must pass through it, also that of a refused
 * request, because each may change the dynamic table that the next one refers to.
 *
 *   1xxxxxxx  indexed field                        01xxxxxx  literal, added to the dynamic table
 *   001xxxxx  dynamic table size (first only)      0000xxxx, 0001xxxx  literal
 *
 * Past the list limit fields are counted but not kept, so that a small block that refers to a large field many times
 * costs no memory.
 */
import type { Buffer } from 'node:buffer';
import { compressionError } from '../error-code.ts';
import { DynamicTable } from './dynamic-table.ts';
import { HeaderField } from './header-field.ts';
import { decodeHuffman } from './huffman.ts';

/** The protocol's default SETTINGS_HEADER_TABLE_SIZE: no other is announced. */
const HEADER_TABLE_BYTES = 4096;

interface DecodedBlock {
  readonly fields: HeaderField[];
  /** The list was larger than its limit; `fields` holds its beginning. */
  readonly isOversized: boolean;
}

export class HpackDecoder {
  /** While its version stays the same, equal blocks decode to equal fields. */
  readonly table = new DynamicTable(HEADER_TABLE_BYTES);
  readonly #maxListBytes: number;
  #at = 0;

  constructor(maxListBytes: number) {
    this.#maxListBytes = maxListBytes;
  }

  /** Decodes bytes[start, end). Throws ConnectionError. */
  decode(bytes: Buffer, start: number, end: number): DecodedBlock {
    const fields: HeaderField[] = [];
    let listBytes = 0;
    this.#at = start;
    this.#readSizeUpdates(bytes, end);
    while (this.#at < end) {
      const field = this.#readField(bytes, end);
      listBytes += field.size;
      if (listBytes <= this.#maxListBytes) fields.push(field);
    }
    return { fields, isOversized: listBytes > this.#maxListBytes };
  }

  /** The peer may lower the size and raise it again before a block's first field: two are enough. */
  #readSizeUpdates(bytes: Buffer, end: number): void {
    for (let count = 0; this.#at < end && (bytes[this.#at]! & 0xe0) === 0x20; count++) {
      if (count === 2) throw compressionError('more than two dynamic table size updates in a header block');
      this.table.resize(this.#readInteger(bytes, end, 5));
    }
  }

  #readField(bytes: Buffer, end: number): HeaderField {
    const first = bytes[this.#at]!;
    if ((first & 0x80) !== 0) return this.table.at(this.#readInteger(bytes, end, 7));
    if ((first & 0x40) !== 0) {
      const field = this.#readLiteral(bytes, end, 6);
      this.table.add(field);
      return field;
    }
    if ((first & 0x20) !== 0) throw compressionError('dynamic table size update after a header field');
    return this.#readLiteral(bytes, end, 4);
  }

  #readLiteral(bytes: Buffer, end: number, prefixBits: number): HeaderField {
    const index = this.#readInteger(bytes, end, prefixBits);
    const name = index === 0 ? this.#readString(bytes, end) : this.table.at(index).name;
    return new HeaderField(name, this.#readString(bytes, end));
  }

  #readString(bytes: Buffer, end: number): string {
    const isHuffman = this.#at < end && (bytes[this.#at]! & 0x80) !== 0;
    const length = this.#readInteger(bytes, end, 7);
    const start = this.#at;
    if (length > end - start) throw compressionError('string runs past the end of its header block');
    this.#at = start + length;
    return isHuffman ? decodeHuffman(bytes, start, this.#at) : bytes.toString('latin1', start, this.#at);
  }

  /** RFC 7541, 5.1. Four continuation bytes reach 2^28: more than any valid length or index. */
  #readInteger(bytes: Buffer, end: number, prefixBits: number): number {
    if (this.#at >= end) throw compressionError('header block ends inside a field');
    const mask = (1 << prefixBits) - 1;
    let value = bytes[this.#at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#at >= end) throw compressionError('header block ends inside an integer');
      const byte = bytes[this.#at++]!;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw compressionError('integer too large');
  }
}
