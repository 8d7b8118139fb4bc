/** The numbers of a graph's output: float32 as they are, other floats as float32. */
import type { DType } from '../../../core/dtype.ts';
import { BFLOAT16, FLOAT16, fromSmallFloat } from '../../../core/small-float.ts';
import { elements, type NumericTensor, type Tensor } from '../../../core/tensor.ts';

/** The types of outputs that are read. */
export const READABLE: ReadonlySet<DType> = new Set(['float32', 'float64', 'float16', 'bfloat16']);

const ALL_PATTERNS = 2 ** 16;
const NUMBERS_OF_PATTERNS = new Map<DType, Float32Array>();

/** Gives `count` numbers from `at` on: a view or a copy. Throws an Error if it is of no type of READABLE. */
export function floatReader(tensor: Tensor): (at: number, count: number) => Float32Array {
  const { dtype } = tensor;
  if (!READABLE.has(dtype)) throw new Error(`the output is ${dtype}`);
  const all = elements(tensor as NumericTensor);
  if (all instanceof Float32Array) return (at, count) => all.subarray(at, at + count);
  if (all instanceof Float64Array) return (at, count) => Float32Array.from(all.subarray(at, at + count));
  const numbers = numbersOfPatterns(dtype);
  const patterns = all as Uint16Array;
  return (at, count) => {
    const some = new Float32Array(count);
    for (let i = 0; i < count; i++) some[i] = numbers[patterns[at + i]!]!;
    return some;
  };
}

/** The number of each pattern of 16 bits. */
function numbersOfPatterns(dtype: DType): Float32Array {
  let numbers = NUMBERS_OF_PATTERNS.get(dtype);
  if (numbers === undefined) {
    const format = dtype === 'float16' ? FLOAT16 : BFLOAT16;
    numbers = Float32Array.from({ length: ALL_PATTERNS }, (_, pattern) => fromSmallFloat(format, pattern));
    NUMBERS_OF_PATTERNS.set(dtype, numbers);
  }
  return numbers;
}
