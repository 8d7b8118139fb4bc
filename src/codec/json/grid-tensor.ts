/**
 * A grid of doubles → a tensor of the wanted dtype, if that is possible without reading the text again.
 */
import { Buffer } from 'node:buffer';
import { type DType, type NumericDType, typedArrayOf } from '../../core/dtype.ts';
import { BFLOAT16, FLOAT16, type SmallFloat, toSmallFloat } from '../../core/small-float.ts';
import { numericTensor, type Tensor } from '../../core/tensor.ts';
import type { NumericGrid } from './json-grid.ts';

const TWO_32 = 2 ** 32;
const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;
const UINT32_MAX = 2 ** 32 - 1;

/**
 * Undefined where the element reader has to decide: numbers for a bool or string; fractions, or numbers out of range,
 * for an integer dtype; integers too long for a double. The tensor has its own memory.
 */
export function gridTensor(grid: NumericGrid, numbers: Float64Array, dtype: DType): Tensor | undefined {
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
    case 'uint16':
      return integers(dtype, grid, values, INT32_MIN, INT32_MAX);
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
