/**
 * Header blocks that refer to the static table only (RFC 7541, 6.1 and 6.2.2): the same bytes mean the same on every
 * connection, so that an answer whose headers do not vary is encoded once, when the program starts.
 */
import { Buffer } from 'node:buffer';
import { STATIC_TABLE } from './static-table.ts';

/** Bytes of an encoded header block. Never written to once made. */
export type HeaderBlock = Uint8Array;

/** `:status` first. Names must be in lower case; text is sent as latin1. */
export function encodeHeaders(fields: readonly (readonly [name: string, value: string])[]): HeaderBlock {
  const bytes: number[] = [];
  for (const [name, value] of fields) addField(bytes, name, value);
  return Buffer.from(bytes);
}

const FIELD_INDEX = new Map(STATIC_TABLE.map(({ name, value }, i) => [`${name}\n${value}`, i + 1]));
/** Of names that stand there more than once, the first. */
const NAME_INDEX = new Map(STATIC_TABLE.map(({ name }, i): [string, number] => [name, i + 1]).reverse());

function addField(bytes: number[], name: string, value: string): void {
  const fieldIndex = value === '' ? undefined : FIELD_INDEX.get(`${name}\n${value}`);
  if (fieldIndex !== undefined) {
    addInteger(bytes, 0x80, 7, fieldIndex);
    return;
  }
  // Literal without indexing: the peer need not remember it.
  const nameIndex = NAME_INDEX.get(name) ?? 0;
  addInteger(bytes, 0x00, 4, nameIndex);
  if (nameIndex === 0) addString(bytes, name);
  addString(bytes, value);
}

function addString(bytes: number[], text: string): void {
  addInteger(bytes, 0x00, 7, text.length);
  for (let i = 0; i < text.length; i++) bytes.push(text.charCodeAt(i) & 0xff);
}

function addInteger(bytes: number[], pattern: number, prefixBits: number, value: number): void {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) {
    bytes.push(pattern | value);
    return;
  }
  bytes.push(pattern | mask);
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
}
