/** Makes an input from others: random edits, pieces of another input, words of the format, and numbers at its limits. */
import { Buffer } from 'node:buffer';

/** Sizes, signs and carries. */
const NUMBERS = [0, 1, 2, 7, 16, 63, 64, 100, 127, 128, 255, 256, 1024, 32_767, 65_535, 2 ** 31 - 1, 2 ** 32 - 1];
const MOST_EDITS = 6;
const MOST_PIECE_BYTES = 64;

/** mulberry32: small, seeded, and good enough for this. Returns a whole number from 0 to `below` − 1. */
export function seededRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export class Mutator {
  readonly #random: (below: number) => number;
  readonly #words: readonly Uint8Array[];
  readonly #maxBytes: number;

  constructor(random: (below: number) => number, words: readonly (string | Uint8Array)[], maxBytes: number) {
    this.#random = random;
    this.#words = words.map((word) => Buffer.from(word as string));
    this.#maxBytes = maxBytes;
  }

  /** A new input like `input`, with pieces of `other`. */
  mutate(input: Uint8Array, other: Uint8Array): Buffer {
    let bytes: Buffer = Buffer.from(input);
    const edits = 1 + this.#random(MOST_EDITS);
    for (let i = 0; i < edits; i++) bytes = this.#edit(bytes, other);
    return bytes.subarray(0, this.#maxBytes);
  }

  #edit(bytes: Buffer, other: Uint8Array): Buffer {
    const random = this.#random;
    const at = random(bytes.length + 1);
    const length = 1 + random(Math.min(MOST_PIECE_BYTES, Math.max(1, bytes.length - at)));
    switch (random(9)) {
      case 0:
        if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << random(8));
        return bytes;
      case 1:
        if (at < bytes.length) bytes[at] = random(256);
        return bytes;
      case 2:
        return splice(bytes, at, length, Buffer.alloc(0));
      case 3:
        return splice(bytes, at, 0, bytes.subarray(at, at + length));
      case 4:
        return splice(bytes, at, random(2) * length, this.#number());
      case 5: {
        const from = random(other.length + 1);
        return splice(bytes, at, random(2) * length, other.subarray(from, from + length));
      }
      case 6: {
        const from = random(other.length + 1);
        return Buffer.concat([bytes.subarray(0, at), other.subarray(from)]);
      }
      case 7: {
        const from = random(bytes.length + 1);
        return splice(bytes, at, length, bytes.subarray(from, from + length));
      }
      default:
        return splice(bytes, at, random(2) * length, this.#word());
    }
  }

  #word(): Uint8Array {
    return this.#words.length === 0 ? this.#number() : this.#words[this.#random(this.#words.length)]!;
  }

  /** In one of the spellings of numbers: 8, 16 or 32 bits in both orders, protobuf's varint, decimal. */
  #number(): Uint8Array {
    const value = NUMBERS[this.#random(NUMBERS.length)]! >>> 0;
    const bytes = Buffer.alloc(4);
    switch (this.#random(5)) {
      case 0:
        return Buffer.of(value & 0xff);
      case 1:
        bytes.writeUInt32LE(value);
        return bytes.subarray(0, 2 + 2 * this.#random(2));
      case 2:
        bytes.writeUInt32BE(value);
        return bytes.subarray(this.#random(3));
      case 3:
        return varint(value);
      default:
        return Buffer.from(String(this.#random(2) === 0 ? value : -value));
    }
  }
}

function splice(bytes: Buffer, at: number, removed: number, added: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  return Buffer.of(...bytes, rest);
}
