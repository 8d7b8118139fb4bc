/**
 * Encodes header blocks that refer to the static table only (RFC 7541, 6.1 and 6.2.2). They mean the same on every
 * connection, so that headers which do not vary are encoded once, when the program starts.
 */
import { Buffer } from 'node:buffer';
import { STATIC_TABLE } from './static-table.ts';

/** An encoded header block. Immutable. */
export type HeaderBlock = Uint8Array;

/** `:status` first. Names must be in lower case; text is sent as latin1. */
export function encodeHeaders(fields: readonly (readonly [name: string, value: string])[]): HeaderBlock {
  let room = 0;
  for (const [name, value] of fields) room += name.length + value.length + FIELD_OVERHEAD_BYTES;
  const writer = new BlockWriter(room);
  for (const [name, value] of fields) writer.field(name, value);
  return writer.block;
}

const FIELD_INDEX = new Map(STATIC_TABLE.map(({ name, value }, i) => [`${name}\n${value}`, i + 1]));
/** The first index of a name that the table holds more than once. */
const NAME_INDEX = new Map(STATIC_TABLE.map(({ name }, i): [string, number] => [name, i + 1]).reverse());
const LONGEST_KNOWN_VALUE = Math.max(...STATIC_TABLE.map(({ value }) => value.length));
/** Bytes of a field beside its texts: its first byte and two lengths, each an integer of 32 bits at most. */
const FIELD_OVERHEAD_BYTES = 1 + 2 * 6;
/** The length up to which a loop costs less than a call into C++. */
const SHORT_TEXT = 24;

class BlockWriter {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(room: number) {
    this.#bytes = Buffer.allocUnsafe(room);
  }

  get block(): HeaderBlock {
    return this.#bytes.subarray(0, this.#at);
  }

  field(name: string, value: string): void {
    const mayBeKnown = value !== '' && value.length <= LONGEST_KNOWN_VALUE;
    const fieldIndex = mayBeKnown ? FIELD_INDEX.get(`${name}\n${value}`) : undefined;
    if (fieldIndex !== undefined) {
      this.#integer(0x80, 7, fieldIndex);
      return;
    }
    // Literal without indexing: the peer does not add it to its table.
    const nameIndex = NAME_INDEX.get(name) ?? 0;
    this.#integer(0x00, 4, nameIndex);
    if (nameIndex === 0) this.#string(name);
    this.#string(value);
  }

  #string(text: string): void {
    const { length } = text;
    this.#integer(0x00, 7, length);
    const bytes = this.#bytes;
    const at = this.#at;
    if (length > SHORT_TEXT) bytes.write(text, at, length, 'latin1');
    else for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
    this.#at += length;
  }

  #integer(pattern: number, prefixBits: number, value: number): void {
    const bytes = this.#bytes;
    const mask = (1 << prefixBits) - 1;
    if (value < mask) {
      bytes[this.#at++] = pattern | value;
      return;
    }
    bytes[this.#at++] = pattern | mask;
    let rest = value - mask;
    for (; rest >= 0x80; rest >>>= 7) bytes[this.#at++] = (rest & 0x7f) | 0x80;
    bytes[this.#at++] = rest;
  }
}
