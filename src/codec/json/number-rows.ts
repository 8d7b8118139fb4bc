/**
 * Lists of numbers, which is what requests are full of, read in one sweep: up to 19 digits, no exponent, exactly what
 * `Number(text)` gives.
 *
 *   0.8414709848078965, -7, 255, 1e-5 ,…      eight digits at a time into a 64-bit integer, then one exact division, or
 *   └───────── read ──────────┘ └ stops       the algorithm of Eisel and Lemire where that would round twice
 *
 * Everything else stops the sweep: exponents and more digits, which NumberReader reads, and what is no number.
 *
 * It is WebAssembly (number-rows.wat), because JavaScript has no 64-bit integers that cost nothing. The module has memory
 * of its own, so text goes in and doubles come out in blocks:
 *
 *   ┌ 0 ────────────────────┬ TEXT_AT ─────────────────────┬ NUMBERS_AT ──────────────┐
 *   │ results, powers of ten│ text of a block, 16 zeros    │ doubles                  │
 *   └───────────────────────┴──────────────────────────────┴──────────────────────────┘
 *
 * A number that a block cuts is read from the next one, which begins with it.
 */
import { Buffer } from 'node:buffer';
import { NUMBER_ROWS_WASM } from '../../gen/number-rows-wasm.ts';

/** Digits that a 64-bit integer holds whatever they are. */
export const MAX_DIGITS = 19;

const TEXT_AT = 1024;
const TEXT_BYTES = 64 * 1024;
/** Behind the text: what stands there must be no digit, as far as a read of eight bytes may reach. */
const TEXT_END_ZEROS = 16;
const NUMBERS_AT = TEXT_AT + TEXT_BYTES + 1024;
/** Longer numbers than this are no business of a sweep: what stops so near to a block's end was cut by it. */
const LONGEST_NUMBER = 64;

/** Where the module wants its constants (number-rows.wat). */
const POWERS_AT = 64;
const INTEGER_POWERS_AT = 256;
const FIVES_AT = 384;

interface NumberRowsModule {
  readonly memory: { readonly buffer: ArrayBuffer };
  read(at: number, end: number, out: number, outEnd: number): number;
}

const NO_BYTES = Buffer.alloc(0);

export class NumberRows {
  /** Numbers that the last `read` wrote. */
  count = 0;
  /** All were written without fraction, and short enough to be exact as doubles. */
  areExactIntegers = true;
  /** It stopped behind a number; else at the start of something that it does not read, or of the next number. */
  isBehindNumber = false;
  readonly #module: NumberRowsModule;
  readonly #memory: Buffer;
  readonly #results: Int32Array;
  readonly #numbers: Float64Array;
  #bytes: Buffer = NO_BYTES;
  /** The block that is in memory: its first byte, and the byte behind it. */
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

  /** The bytes that `read` is to read from now on; undefined lets go of them. */
  open(bytes: Buffer | undefined): void {
    this.#bytes = bytes ?? NO_BYTES;
    this.#start = 0;
    this.#end = 0;
  }

  /**
   * Reads numbers with commas between, and one space at most behind a comma, from `start`, where a number begins, as long
   * as they are what a sweep reads and `out` has room from `index` on. Returns where it stopped.
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

  /** So near to the end of a block, with more behind it, that a number may not be whole. */
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

/** A call and a view cost as much as so many stores. */
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

/** 128 bits of 5^-power, the first of them 1; rounded up where it is no power of two. */
function inverseOfFives(power: number): bigint {
  if (power === 0) return 1n << 127n;
  const fives = 5n ** BigInt(power);
  const bits = BigInt(fives.toString(2).length);
  return (1n << (bits + 127n)) / fives + 1n;
}

/** Node has it; its types come with those of browsers, which we do not have. */
const { WebAssembly: webAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: NumberRowsModule };
  };
};
