/**
 * The elements of a tensor whose size is not known yet: the buffer doubles as needed and becomes the tensor.
 */
import { type DType, type TypedArray, typedArrayOf } from '../../core/dtype.ts';
import { ServingError } from '../../core/errors.ts';
import type { Shape } from '../../core/shape.ts';
import { BFLOAT16, FLOAT16, toSmallFloat } from '../../core/small-float.ts';
import { numericTensor, stringTensor, type Tensor } from '../../core/tensor.ts';

const FIRST_CAPACITY = 16;

/** The most strings. Protobuf's budget has room for as many in 64 MiB; a string may take only 3 bytes in the body. */
const MAX_STRINGS = 2 ** 18;

export class ElementBuffer {
  readonly dtype: DType;
  readonly #strings: Uint8Array[] = [];
  #numbers: TypedArray;
  #count = 0;

  constructor(dtype: DType) {
    this.dtype = dtype;
    this.#numbers = new (typedArrayOf(dtype === 'string' ? 'uint8' : dtype))(dtype === 'string' ? 0 : FIRST_CAPACITY);
  }

  /** Adds an element of any dtype but strings and 64-bit integers. Rounds or wraps as the typed array does. */
  pushNumber(value: number): void {
    if (this.#count === this.#numbers.length) this.#grow();
    const numbers = this.#numbers as Float64Array;
    if (this.dtype === 'float16') numbers[this.#count++] = toSmallFloat(FLOAT16, value);
    else if (this.dtype === 'bfloat16') numbers[this.#count++] = toSmallFloat(BFLOAT16, value);
    else numbers[this.#count++] = value;
  }

  /** Adds an element of int64 or uint64. */
  pushBigInt(value: bigint): void {
    if (this.#count === this.#numbers.length) this.#grow();
    (this.#numbers as BigInt64Array)[this.#count++] = value;
  }

  pushString(value: Uint8Array): void {
    if (this.#count === MAX_STRINGS) {
      throw new ServingError('too_large', `a tensor holds more than ${MAX_STRINGS} strings; send fewer rows a request`);
    }
    this.#strings.push(value);
    this.#count++;
  }

  /** All elements as a tensor of that shape. Push nothing afterwards. */
  tensor(shape: Shape): Tensor {
    if (this.dtype === 'string') return stringTensor(shape, this.#strings);
    return numericTensor(this.dtype, shape, this.#numbers.subarray(0, this.#count));
  }

  #grow(): void {
    const grown = new (typedArrayOf(this.dtype as 'float32'))(2 * this.#numbers.length);
    // Both are of the dtype's own class.
    (grown as Float64Array).set(this.#numbers as Float64Array);
    this.#numbers = grown;
  }
}
