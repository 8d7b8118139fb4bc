/**
 * Lists of numbers, which make up most requests, read in one sweep: up to 19 digits, no exponent, with the same result
 * as `Number(text)`.
 *
 *   0.8414709848078965, -7, 255, 1e-5 ,…      eight digits at a time into a 64-bit integer, then one exact division, or
 *   └───────── read ──────────┘ └ stops       the algorithm of Eisel and Lemire where that would round twice
 *
 * Exponents and more digits stop the sweep, and NumberReader reads them; so does any other token.
 *
 * The sweep is WebAssembly (number-rows.wat), because JavaScript has no cheap 64-bit integers. The module has its own
 * memory, so text is copied in and doubles are copied out in blocks:
 *
 *   ┌ 0 ────────────────────┬ TEXT_AT ─────────────────────┬ NUMBERS_AT ──────────────┐
 *   │ results, powers of ten│ text of a block, 16 zeros    │ doubles                  │
 *   └───────────────────────┴──────────────────────────────┴──────────────────────────┘
 *
 * A number that is cut by a block's end is read from the next block, which begins with it.
 */
import { Buffer } from 'node:buffer';
import { NUMBER_ROWS_WASM } from '../../gen/number-rows-wasm.ts';

/** The most digits that always fit a 64-bit integer. */
export const MAX_DIGITS = 19;

const TEXT_AT = 1024;
const TEXT_BYTES = 64 * 1024;
/** The bytes behind the text that are no digits: a read of eight bytes may reach into them. */
const TEXT_END_ZEROS = 16;
const NUMBERS_AT = TEXT_AT + TEXT_BYTES + 1024;
/** The most bytes of a number: a sweep that stops closer than this to a block's end may have met a cut number. */
const LONGEST_NUMBER = 64;

/** The offsets of the module's constants (number-rows.wat). */
const POWERS_AT = 64;
const INTEGER_POWERS_AT = 256;
const FIVES_AT = 384;

interface NumberRowsModule {
  readonly memory: { readonly buffer: ArrayBuffer };
  read(at: number, end: number, out: number, outEnd: number): number;
}

const NO_BYTES = Buffer.alloc(0);

export class NumberRows {
  /** The numbers that the last `read` wrote. */
  count = 0;
  /** Were all of them integers that are exact as doubles? */
  areExactIntegers = true;
  /** Did it stop after a number? Else it stopped at a token that it does not read, or at the next number. */
  isBehindNumber = false;
  readonly #module: NumberRowsModule;
  readonly #memory: Buffer;
  readonly #results: Int32Array;
  readonly #numbers: Float64Array;
  #bytes: Buffer = NO_BYTES;
  /** The block that is in memory: the offsets of its first byte and of the byte after it. */
  #start = 0;
  #end = 0;

  constructor() {
    const { Module, Instance } = webAssembly;
    this.#module = new Instance(new Module(Buffer.from(NUMBER_ROWS_WASM, 'base64'))).exports;
    const { buffer } = this.#module.memory;
    writeConstants(new DataView(buffer));
    this.#memory = Buffer.from(buffer);
    this.#results = new Int32Array(buffer, 0, 3);
    this.#numbers = new Float64Array(buffer, NUMBERS_AT);
  }

  /** Sets the bytes that `read` reads; undefined releases them. */
  open(bytes: Buffer | undefined): void {
    this.#bytes = bytes ?? NO_BYTES;
    this.#start = 0;
    this.#end = 0;
  }

  /**
   * Reads numbers with commas between, each with at most one space after it, from `start`, where a number begins. It
   * stops at the first token that a sweep does not read, or when `out` is full, which is filled from `index` on.
   * Returns the offset where it stopped.
   */
  read(start: number, out: Float64Array, index: number): number {
    let at = start;
    let to = index;
    this.areExactIntegers = true;
    do {
      if (at < this.#start || at >= this.#end || this.#isCut(at)) this.#load(at);
      at = this.#sweep(at, out, to);
      to += this.#results[0]!;
    } while (!this.isBehindNumber && to < out.length && this.#isCut(at));
    this.count = to - index;
    return at;
  }

  /** Whether `at` is so near to the block's end that a number may be cut. */
  #isCut(at: number): boolean {
    return at > this.#start && this.#end - at < LONGEST_NUMBER && this.#end < this.#bytes.length;
  }

  #load(at: number): void {
    const end = Math.min(at + TEXT_BYTES, this.#bytes.length);
    this.#bytes.copy(this.#memory, TEXT_AT, at, end);
    this.#start = at;
    this.#end = end;
    const textEnd = TEXT_AT + end - at;
    for (let i = 0; i < TEXT_END_ZEROS; i++) this.#memory[textEnd + i] = 0;
  }

  #sweep(at: number, out: Float64Array, to: number): number {
    const shift = TEXT_AT - this.#start;
    const numbers = this.#numbers;
    const room = Math.min(numbers.length, out.length - to);
    const stop = this.#module.read(at + shift, this.#end + shift, NUMBERS_AT, NUMBERS_AT + 8 * room) - shift;
    const count = this.#results[0]!;
    if (this.#results[1] === 0) this.areExactIntegers = false;
    this.isBehindNumber = this.#results[2] !== 0;
    if (count > COPIED_ONE_BY_ONE) out.set(numbers.subarray(0, count), to);
    else for (let i = 0; i < count; i++) out[to + i] = numbers[i]!;
    return stop;
  }
}

/** A call of `set` with a view costs as much as so many stores. */
const COPIED_ONE_BY_ONE = 32;

function writeConstants(view: DataView): void {
  for (let power = 0; power <= MAX_DIGITS; power++) {
    view.setFloat64(POWERS_AT + 8 * power, 10 ** power, true);
    const fives = inverseOfFives(power);
    view.setBigUint64(FIVES_AT + 16 * power, fives >> 64n, true);
    view.setBigUint64(FIVES_AT + 16 * power + 8, BigInt.asUintN(64, fives), true);
  }
  for (let power = 0; power <= 8; power++) view.setBigUint64(INTEGER_POWERS_AT + 8 * power, 10n ** BigInt(power), true);
}

/** The first 128 bits of 5^-power, from its first 1 on; rounded up unless it is a power of two. */
function inverseOfFives(power: number): bigint {
  if (power === 0) return 1n << 127n;
  const fives = 5n ** BigInt(power);
  const bits = BigInt(fives.toString(2).length);
  return (1n << (bits + 127n)) / fives + 1n;
}

/** Node has WebAssembly, but only the types of browsers declare it. */
const { WebAssembly: webAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: NumberRowsModule };
  };
};
