/**
 * Rectangular lists of plain numbers → doubles and a shape, in one walk over the bytes. Nearly every request is such a
 * grid. Any other value (a string, an object, true, NaN, rows of unequal length, a syntax error) is walked again with
 * the strict cursor, which explains errors.
 *
 *   [[1, 2], [3, 4], [5, 6]]   ──▶   numbers: … 1 2 3 4 5 6 …    shape [3,2], offset, count
 *
 * The dtype is not known yet (signature_name may come after the values), so all numbers are kept as doubles, in one
 * buffer that every body reuses: grids are valid until the next `reset`. A float32 is the double rounded once, as in
 * TensorFlow Serving.
 */
import { Buffer } from 'node:buffer';
import { type DType, type NumericDType, typedArrayOf } from '../../core/dtype.ts';
import { BFLOAT16, FLOAT16, type SmallFloat, toSmallFloat } from '../../core/small-float.ts';
import { numericTensor, type Tensor } from '../../core/tensor.ts';
import { CLOSE_ARRAY, COMMA, NEWLINE, OPEN_ARRAY, RETURN, SPACE, TAB } from './json-chars.ts';
import { NumberReader } from './json-number.ts';
import { MAX_DIGITS, NumberRows } from './number-rows.ts';

/** The most levels of lists in a tensor: more than any runtime supports. */
export const MAX_RANK = 64;

/** The most characters of a number that a sweep reads: the digits, a sign, a zero and a point. */
const MAX_SWEPT_LENGTH = MAX_DIGITS + 3;

/** The buffer begins with 8 KiB; one of more than 8 MiB is released after its body. */
const FIRST_CAPACITY = 1024;
const MAX_KEPT_CAPACITY = 1024 * 1024;

export interface NumericGrid {
  /** Empty for a bare number. */
  readonly shape: readonly number[];
  /** Its numbers are `count` of `GridScanner.numbers` from here on. */
  readonly offset: number;
  readonly count: number;
  /** All numbers are integers without fraction and exponent, exact as doubles. */
  readonly isExactInteger: boolean;
}

export class GridScanner {
  /** The numbers of all grids since the last reset. */
  numbers = new Float64Array(FIRST_CAPACITY);
  /** The offset after the last grid. */
  end = 0;
  readonly #reader = new NumberReader();
  readonly #numberRows = new NumberRows();
  // Integers, so that a shape is no list of doubles: V8 converts one wherever other shapes are read too.
  readonly #dims = new Int32Array(MAX_RANK);
  readonly #seen = new Int32Array(MAX_RANK);
  #count = 0;
  #isExactInteger = true;
  #areSwept = true;

  /** Forgets all grids. */
  reset(): void {
    this.#count = 0;
    this.#numberRows.open(undefined);
    if (this.numbers.length > MAX_KEPT_CAPACITY) this.numbers = new Float64Array(FIRST_CAPACITY);
  }

  /** The value that begins at `start` as a grid; undefined if it is none. */
  scan(bytes: Buffer, start: number): NumericGrid | undefined {
    const offset = this.#count;
    this.#isExactInteger = true;
    this.#areSwept = true;
    this.#numberRows.open(bytes);
    const rank = bytes[start] === OPEN_ARRAY ? this.#lists(bytes, start) : this.#scalar(bytes, start);
    if (rank === -1) {
      this.#count = offset;
      return undefined;
    }
    const shape: number[] = [];
    for (let level = 0; level < rank; level++) shape.push(this.#dims[level]!);
    return { shape, offset, count: this.#count - offset, isExactInteger: this.#isExactInteger };
  }

  #scalar(bytes: Buffer, start: number): number {
    this.end = this.#number(bytes, start);
    return this.end === -1 ? -1 : 0;
  }

  /**
   * Returns the rank, which is the depth of the first number or of the first empty list; or -1 for no grid. Every list
   * must be as long as the first one of its level.
   */
  #lists(bytes: Buffer, start: number): number {
    const seen = this.#seen;
    let at = start;
    let level = 0;
    let rank = -1;
    this.#dims.fill(-1);
    for (;;) {
      if (bytes[at] === OPEN_ARRAY) {
        if (level === rank || level === MAX_RANK) return -1;
        seen[level++] = 0;
        at = skipSpace(bytes, at + 1);
        if (bytes[at] !== CLOSE_ARRAY) continue;
        if (rank === -1) rank = level;
      } else {
        if (rank === -1) rank = level;
        if (level !== rank) return -1;
        const before = this.#count;
        at = this.#row(bytes, at);
        if (at === -1) return -1;
        seen[level - 1] = this.#count - before;
      }
      while (bytes[at] === CLOSE_ARRAY) {
        if (!this.#close(level)) return -1;
        level--;
        at++;
        if (level === 0) {
          this.end = at;
          return rank;
        }
        seen[level - 1]!++;
        at = skipSpace(bytes, at);
      }
      if (bytes[at] !== COMMA) return -1;
      at = skipSpace(bytes, at + 1);
    }
  }

  #close(level: number): boolean {
    const length = this.#seen[level - 1]!;
    if (this.#dims[level - 1] === -1) this.#dims[level - 1] = length;
    return this.#dims[level - 1] === length;
  }

  /** Reads numbers with commas between; returns the offset of the closing bracket, or -1. */
  #row(bytes: Buffer, start: number): number {
    let at = start;
    for (;;) {
      at = this.#numbers(bytes, at);
      if (at === -1) return -1;
      if (bytes[at] !== COMMA) {
        at = skipSpace(bytes, at);
        if (bytes[at] === CLOSE_ARRAY) return at;
        if (bytes[at] !== COMMA) return -1;
      }
      at++;
      if (bytes[at]! <= SPACE) at = skipSpace(bytes, at);
    }
  }

  /** Reads the numbers of one sweep, at least one; returns the offset after the last one, or -1. */
  #numbers(bytes: Buffer, start: number): number {
    let at = start;
    if (this.#areSwept) {
      const rows = this.#numberRows;
      at = rows.read(start, this.numbers, this.#count);
      this.#count += rows.count;
      if (!rows.areExactIntegers) this.#isExactInteger = false;
      if (rows.isBehindNumber) return at;
    }
    const end = this.#number(bytes, at);
    // A list's numbers are alike: after a long one a sweep would read none.
    this.#areSwept = end - at <= MAX_SWEPT_LENGTH;
    return end;
  }

  #number(bytes: Buffer, at: number): number {
    if (this.#count === this.numbers.length) this.#grow(bytes.length - at);
    const reader = this.#reader;
    const end = reader.read(bytes, at, this.numbers, this.#count);
    if (!(reader.isInteger && reader.isShort)) this.#isExactInteger = false;
    this.#count++;
    return end;
  }

  /** Doubles the buffer, up to what the rest of the body can fill: a number and its comma take two bytes. */
  #grow(bytesLeft: number): void {
    const most = this.#count + (bytesLeft >> 1) + 1;
    const grown = new Float64Array(Math.min(2 * this.#count, most));
    grown.set(this.numbers);
    this.numbers = grown;
  }
}

function skipSpace(bytes: Buffer, start: number): number {
  let at = start;
  let byte = bytes[at];
  while (byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB) byte = bytes[++at];
  return at;
}

const TWO_32 = 2 ** 32;
const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;
const UINT32_MAX = 2 ** 32 - 1;

/** The ranges of the dtypes that may wrap. */
const NARROW_RANGES: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  int16: [-(2 ** 15), 2 ** 15 - 1],
  int8: [-128, 127],
  uint8: [0, 255],
  uint16: [0, 2 ** 16 - 1],
};

/**
 * A grid of doubles → a tensor of the wanted dtype, if that is possible without reading the text again. Undefined where
 * the element reader has to decide: numbers for a bool or string; fractions, or numbers out of range,
 * for an integer dtype; integers too long for a double. The tensor has its own memory. `wraps`: dtypes narrower than 32
 * bits take all numbers of int32, as in TensorFlow Serving.
 */
export function gridTensor(grid: NumericGrid, numbers: Float64Array, dtype: DType, wraps = true): Tensor | undefined {
  const { offset, count, shape } = grid;
  if (dtype === 'float32') return float32s(grid, numbers);
  const values = numbers.subarray(offset, offset + count);
  switch (dtype) {
    case 'float64':
      return numericTensor(dtype, shape, new Float64Array(values));
    case 'float16':
      return smallFloats(dtype, FLOAT16, grid, values);
    case 'bfloat16':
      return smallFloats(dtype, BFLOAT16, grid, values);
    case 'int32':
    case 'int16':
    case 'int8':
    case 'uint8':
    case 'uint16': {
      const [least, most] = (wraps ? undefined : NARROW_RANGES[dtype]) ?? [INT32_MIN, INT32_MAX];
      return integers(dtype, grid, values, least, most);
    }
    case 'uint32':
      return integers(dtype, grid, values, 0, UINT32_MAX);
    case 'int64':
      return longs(dtype, grid, values, -Infinity);
    case 'uint64':
      return longs(dtype, grid, values, 0);
    case 'bool':
    case 'string':
      return undefined;
  }
}

/** The usual dtype. Small tensors share Node's pool of small buffers: memory of their own would cost more. */
function float32s({ offset, count, shape }: NumericGrid, numbers: Float64Array): Tensor {
  const data = Buffer.allocUnsafe(count * Float32Array.BYTES_PER_ELEMENT);
  const isAligned = data.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0;
  const floats = isAligned ? new Float32Array(data.buffer, data.byteOffset, count) : new Float32Array(count);
  for (let i = 0; i < count; i++) floats[i] = numbers[offset + i]!;
  return isAligned ? { dtype: 'float32', shape, data } : numericTensor('float32', shape, floats);
}

/** Narrower dtypes than 32 bits wrap. */
function integers(
  dtype: NumericDType,
  grid: NumericGrid,
  values: Float64Array,
  least: number,
  most: number,
): Tensor | undefined {
  if (!grid.isExactInteger) return undefined;
  for (const value of values) if (value < least || value > most) return undefined;
  const elements = new (typedArrayOf(dtype))(values.length);
  (elements as Int32Array).set(values);
  return numericTensor(dtype, grid.shape, elements);
}

/** Exact integers below 2^53 as two 32-bit words each: cheaper than a BigInt for each. */
function longs(dtype: 'int64' | 'uint64', grid: NumericGrid, values: Float64Array, least: number): Tensor | undefined {
  if (!grid.isExactInteger) return undefined;
  const words = new Int32Array(2 * values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < least) return undefined;
    const high = Math.floor(value / TWO_32);
    words[2 * i] = value - high * TWO_32;
    words[2 * i + 1] = high;
  }
  return numericTensor(dtype, grid.shape, new BigInt64Array(words.buffer));
}

function smallFloats(dtype: NumericDType, format: SmallFloat, grid: NumericGrid, values: Float64Array): Tensor {
  const patterns = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) patterns[i] = toSmallFloat(format, values[i]!);
  return numericTensor(dtype, grid.shape, patterns);
}
