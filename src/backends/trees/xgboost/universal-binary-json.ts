/**
 * Universal Binary JSON (ubjson.org, draft 12), as far as XGBoost's `save_model` writes it: `model.ubj`, its default since
 * 2.1. Big-endian; a key is its length and its bytes:
 *
 *   { L 7 learner { … } L 7 version [ # L 3  i 3  i 2  i 0 }        an object, and a list of three numbers
 *   [ $ d # L 2  float32 float32                                    a list of one type
 *
 * A value becomes what JSON.parse gives of the same model as JSON, so that one reader takes both. A count never makes room
 * before the file is known to be as long. Not read: types that XGBoost does not write (no-op, high-precision numbers,
 * characters, objects with a count).
 */
import type { Buffer } from 'node:buffer';

/** XGBoost's own files have eight levels. */
const MAX_DEPTH = 64;
/** The most values: each takes eight bytes of memory or more. A model of as many has six million nodes. */
const MAX_VALUES = 2 ** 26;
/** A list or an object takes as much memory as some numbers. */
const CONTAINER_VALUES = 4;

/** The size in bytes, and how it is read. */
interface NumberType {
  readonly size: number;
  readonly read: (bytes: Buffer, at: number) => number;
}

const NUMBERS: ReadonlyMap<string, NumberType> = new Map([
  ['i', { size: 1, read: (bytes, at) => bytes.readInt8(at) }],
  ['U', { size: 1, read: (bytes, at) => bytes.readUInt8(at) }],
  ['I', { size: 2, read: (bytes, at) => bytes.readInt16BE(at) }],
  ['l', { size: 4, read: (bytes, at) => bytes.readInt32BE(at) }],
  ['L', { size: 8, read: (bytes, at) => Number(bytes.readBigInt64BE(at)) }],
  ['d', { size: 4, read: (bytes, at) => bytes.readFloatBE(at) }],
  ['D', { size: 8, read: (bytes, at) => bytes.readDoubleBE(at) }],
]);
const LENGTHS = 'iUIlL';

/** The value of the whole file. Throws a plain Error that names the byte. */
export function readUniversalBinaryJson(bytes: Buffer): unknown {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  #values = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  value(depth: number): unknown {
    const at = this.#at;
    const type = this.#marker();
    this.#count(1);
    switch (type) {
      case '{':
        return this.#object(deeper(depth, at));
      case '[':
        return this.#list(deeper(depth, at));
      case 'S':
        return this.#text();
      case 'Z':
        return null;
      case 'T':
        return true;
      case 'F':
        return false;
      default:
        return this.#number(numberType(type, at));
    }
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw new Error(`byte ${this.#at}: ${left} bytes follow the end of the model`);
  }

  #object(depth: number): unknown {
    this.#count(CONTAINER_VALUES);
    const members: [string, unknown][] = [];
    while (this.#next() !== '}') {
      // A member takes a list of its own, until all are there.
      this.#count(CONTAINER_VALUES);
      const key = this.#text();
      members.push([key, this.value(depth)]);
    }
    this.#at += 1;
    // Unlike an assignment, this takes any key for a name alone.
    return Object.fromEntries(members);
  }

  #list(depth: number): unknown {
    this.#count(CONTAINER_VALUES);
    if (this.#next() === '$') return this.#typedList();
    const list: unknown[] = [];
    if (this.#next() === '#') {
      this.#at += 1;
      // Each value has a byte at least, without which the next one cannot be read.
      for (let left = this.#length(1); left > 0; left--) list.push(this.value(depth));
      return list;
    }
    while (this.#next() !== ']') list.push(this.value(depth));
    this.#at += 1;
    return list;
  }

  /** Numbers of one type, whose marker stands once. */
  #typedList(): readonly unknown[] {
    this.#at += 1;
    const at = this.#at;
    const type = numberType(this.#marker(), at);
    const mark = this.#marker();
    if (mark !== '#') throw new Error(`byte ${this.#at - 1}: a list of one type has no count`);
    const length = this.#length(type.size);
    this.#count(length);
    const list: unknown[] = new Array(length);
    for (let i = 0; i < length; i++) list[i] = this.#number(type);
    return list;
  }

  /** NaN is a text, as tree-file.ts makes it of JSON's. */
  #number({ size, read }: NumberType): number | string {
    const number = read(this.#bytes, this.#take(size));
    return Number.isNaN(number) ? 'NaN' : number;
  }

  #text(): string {
    const length = this.#length(1);
    const at = this.#take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  /** A count of things of that many bytes or more, as many as the rest of the file may hold. */
  #length(size: number): number {
    const at = this.#at;
    const marker = this.#marker();
    const type = LENGTHS.includes(marker) ? NUMBERS.get(marker) : undefined;
    if (type === undefined) throw new Error(`byte ${at}: a count of type ${shown(marker)} is not read`);
    const length = type.read(this.#bytes, this.#take(type.size));
    const left = this.#bytes.length - this.#at;
    if (length < 0 || length * size > left) {
      throw new Error(`byte ${at}: it tells of ${length} times ${size} bytes, and ${left} are left`);
    }
    return length;
  }

  #count(values: number): void {
    this.#values += values;
    if (this.#values > MAX_VALUES) throw new Error(`byte ${this.#at}: more than ${MAX_VALUES} values are not read`);
  }

  #next(): string {
    if (this.#at >= this.#bytes.length) throw new Error(`byte ${this.#at}: the file ends in the midst of the model`);
    return String.fromCharCode(this.#bytes[this.#at]!);
  }

  #marker(): string {
    const marker = this.#next();
    this.#at += 1;
    return marker;
  }

  /** The place of so many bytes, which are behind it then. */
  #take(size: number): number {
    const at = this.#at;
    if (size > this.#bytes.length - at) throw new Error(`byte ${at}: the file ends in the midst of the model`);
    this.#at += size;
    return at;
  }
}

function deeper(depth: number, at: number): number {
  if (depth === MAX_DEPTH) throw new Error(`byte ${at}: more than ${MAX_DEPTH} levels are not read`);
  return depth + 1;
}

function numberType(marker: string, at: number): NumberType {
  const type = NUMBERS.get(marker);
  if (type === undefined) throw new Error(`byte ${at}: a value of type ${shown(marker)} is not read`);
  return type;
}

function shown(marker: string): string {
  const code = marker.charCodeAt(0);
  return code > 0x20 && code < 0x7f ? JSON.stringify(marker) : `0x${code.toString(16).padStart(2, '0')}`;
}
