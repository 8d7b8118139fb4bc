/**
 * One output tensor as nested JSON lists. A list of the innermost level is written in one loop for its dtype.
 *
 *   level 0        1          2            print(1, 1) writes [[5,6],[7,8]] of
 *        [ [[1,2],[3,4]], [[5,6],[7,8]] ]  a tensor of shape [2,2,2]
 */

import { BFLOAT16, FLOAT16, fromSmallFloat, type SmallFloat } from '../../core/small-float.ts';
import { elements, type NumericTensor, type Tensor } from '../../core/tensor.ts';
import { writeFloat64, writeInteger } from './float-text.ts';
import type { JsonWriter, NumberElements } from './json-writer.ts';

/** The end of the names of string outputs that are bytes, such as images. */
const BYTES_SUFFIX = '_bytes';

export class TensorPrinter {
  readonly name: string;
  readonly #writer: JsonWriter;
  readonly #tensor: Tensor;
  readonly #isBase64: boolean;
  readonly #numbers: NumberElements;

  constructor(writer: JsonWriter, name: string, tensor: Tensor) {
    this.name = name;
    this.#writer = writer;
    this.#tensor = tensor;
    this.#isBase64 = name.endsWith(BYTES_SUFFIX);
    this.#numbers = tensor.dtype === 'string' ? [] : numbersOf(tensor);
  }

  /** Writes the `index`th of all lists (or elements) at `level`. */
  print(level: number, index: number): void {
    const { shape } = this.#tensor;
    if (level === shape.length) {
      this.#elements(index, index + 1);
      return;
    }
    const length = shape[level]!;
    const start = index * length;
    this.#writer.ascii('[');
    if (level === shape.length - 1) this.#elements(start, start + length);
    else {
      for (let i = start; i < start + length; i++) {
        if (i > start) this.#writer.ascii(',');
        this.print(level + 1, i);
      }
    }
    this.#writer.ascii(']');
  }

  #elements(start: number, end: number): void {
    const writer = this.#writer;
    const numbers = this.#numbers;
    switch (this.#tensor.dtype) {
      case 'float32':
      case 'float16':
      case 'bfloat16':
        writer.float32s(numbers as Float32Array, start, end);
        break;
      case 'float64':
        writer.numbers(writeFloat64, numbers, start, end);
        break;
      case 'int64':
      case 'uint64':
        writer.longs(numbers, start, end);
        break;
      case 'bool':
        writer.booleans(numbers, start, end);
        break;
      case 'string':
        this.#strings(this.#tensor.data, start, end);
        break;
      case 'int8':
      case 'int16':
      case 'int32':
      case 'uint8':
      case 'uint16':
      case 'uint32':
        writer.numbers(writeInteger, numbers, start, end);
    }
  }

  #strings(strings: readonly Uint8Array[], start: number, end: number): void {
    for (let i = start; i < end; i++) {
      if (i > start) this.#writer.ascii(',');
      if (this.#isBase64) this.#writer.base64(strings[i]!);
      else this.#writer.string(strings[i]!);
    }
  }
}

/** 16-bit floats as float32, 64-bit integers as two words each (the high one signed for int64), others as they are. */
function numbersOf(tensor: NumericTensor): NumberElements {
  const array = elements(tensor);
  switch (tensor.dtype) {
    case 'float16':
      return widened(FLOAT16, array as Uint16Array);
    case 'bfloat16':
      return widened(BFLOAT16, array as Uint16Array);
    case 'int64':
      return new Int32Array(array.buffer, array.byteOffset, 2 * array.length);
    case 'uint64':
      return new Uint32Array(array.buffer, array.byteOffset, 2 * array.length);
    default:
      return array as Float32Array;
  }
}

/** Every 16-bit float is a float32. */
function widened(format: SmallFloat, patterns: Uint16Array): Float32Array {
  const values = new Float32Array(patterns.length);
  for (let i = 0; i < patterns.length; i++) values[i] = fromSmallFloat(format, patterns[i]!);
  return values;
}
