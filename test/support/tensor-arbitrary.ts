/** Arbitrary tensors of every dtype, for property tests. */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { bytesPerElement, DTYPES, type NumericDType } from '../../src/core/dtype.ts';
import { elementCount } from '../../src/core/shape.ts';
import type { Tensor } from '../../src/core/tensor.ts';

export const anyShape: fc.Arbitrary<number[]> = fc.array(fc.nat({ max: 4 }), { maxLength: 3 });

export const anyDType = fc.constantFrom(...DTYPES);

/** Any bytes are a tensor, so every bit pattern occurs (NaNs of all kinds); bool alone is 0 or 1. */
export const anyTensor: fc.Arbitrary<Tensor> = fc
  .tuple(anyDType, anyShape)
  .chain(([dtype, shape]): fc.Arbitrary<Tensor> => {
    const count = elementCount(shape);
    if (dtype === 'string') {
      const data = fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: count, maxLength: count });
      return data.map((elements) => ({ dtype, shape, data: elements }));
    }
    return numericData(dtype, count).map((data) => ({ dtype, shape, data }));
  });

function numericData(dtype: NumericDType, count: number): fc.Arbitrary<Uint8Array> {
  const length = count * bytesPerElement(dtype);
  return fc
    .uint8Array({ minLength: length, maxLength: length })
    .map((bytes) => (dtype === 'bool' ? bytes.map((b) => b & 1) : bytes));
}

/** A tensor as text, for comparing: bytes, not numbers, so NaN equals itself and -0 is not 0. */
export function describeTensor(tensor: Tensor): unknown {
  const { dtype, shape } = tensor;
  const data = tensor.dtype === 'string' ? tensor.data.map(hex) : hex(tensor.data);
  return { dtype, shape: [...shape], data };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
