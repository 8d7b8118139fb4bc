/** The elements of a tensor as JSON, with commas between: in one loop for each dtype. */
import { BFLOAT16, FLOAT16, fromSmallFloat, type SmallFloat } from '../../core/small-float.ts';
import { elements, type Tensor } from '../../core/tensor.ts';
import { type JsonWriter, type NumberElements, writeFloat64, writeInteger } from './json-writer.ts';

export interface PrintedElements {
  readonly tensor: Tensor;
  /** The tensor's numbers, from `numbersOf`. */
  readonly numbers: NumberElements;
  /** Strings are written as {"b64":"…"}. */
  readonly isBase64: boolean;
}

const NO_NUMBERS: NumberElements = [];

/**
 * 16-bit floats as float32, 64-bit integers as two words each (the high one signed for int64), others as they are; none
 * of strings.
 */
export function numbersOf(tensor: Tensor): NumberElements {
  if (tensor.dtype === 'string') return NO_NUMBERS;
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

/** Writes the elements from `start` to `end`. */
export function writeElements(
  writer: JsonWriter,
  { tensor, numbers, isBase64 }: PrintedElements,
  start: number,
  end: number,
): void {
  switch (tensor.dtype) {
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
      writeStrings(writer, tensor.data, isBase64, start, end);
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

function writeStrings(
  writer: JsonWriter,
  strings: readonly Uint8Array[],
  isBase64: boolean,
  start: number,
  end: number,
): void {
  for (let i = start; i < end; i++) {
    if (i > start) writer.ascii(',');
    if (isBase64) writer.base64(strings[i]!);
    else writer.string(strings[i]!);
  }
}

/** Every 16-bit float is a float32. */
function widened(format: SmallFloat, patterns: Uint16Array): Float32Array {
  const values = new Float32Array(patterns.length);
  for (let i = 0; i < patterns.length; i++) values[i] = fromSmallFloat(format, patterns[i]!);
  return values;
}
