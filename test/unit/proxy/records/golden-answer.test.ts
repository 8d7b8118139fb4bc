import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { numericTensor, stringTensor, type Tensor } from '../../../../src/core/tensor.ts';
import { differenceOf } from '../../../../src/proxy/records/golden-answer.ts';

function float32(shape: readonly number[], ...values: number[]): Tensor {
  return numericTensor('float32', shape, Float32Array.from(values));
}

function difference(got: Tensor, recorded: Tensor): string | undefined {
  return differenceOf(new Map([['y', got]]), new Map([['y', recorded]]));
}

describe('a golden answer', () => {
  it('may differ in floats by the tolerance and no more', () => {
    assert.equal(difference(float32([2], 1.00005, 0), float32([2], 1, 0.000009)), undefined);
    const told = difference(float32([2, 2], 1, 2, 3, 4), float32([2, 2], 1, 2, 3.001, 4));
    assert.match(told!, /^output "y" differs at \[1,0\]: 3, but 3\.00\d+ was recorded$/);
  });

  it('has its NaN and infinities where they were', () => {
    assert.equal(difference(float32([2], NaN, Infinity), float32([2], NaN, Infinity)), undefined);
    for (const [got, recorded] of [
      [NaN, 1],
      [1, NaN],
      [Infinity, 1e38],
      [1, Infinity],
      [-Infinity, Infinity],
    ] as const) {
      assert.match(difference(float32([1], got), float32([1], recorded))!, /differs at \[0\]/);
    }
  });

  it('in other dtypes is equal to the bit', () => {
    const int64 = (value: bigint): Tensor => numericTensor('int64', [1], BigInt64Array.of(value));
    assert.equal(difference(int64(2n ** 60n), int64(2n ** 60n)), undefined);
    assert.match(difference(int64(2n ** 60n), int64(2n ** 60n + 1n))!, /1152921504606846976, but 1152921504606846977/);
    const text = (value: string): Tensor => stringTensor([1], [Buffer.from(value)]);
    assert.equal(difference(text('cat'), text('cat')), undefined);
    assert.match(difference(text('cat'), text('dog'))!, /differs at \[0\]: "cat", but "dog" was recorded/);
  });

  it('of 16-bit floats may differ by their last places', () => {
    const float16 = (pattern: number): Tensor => numericTensor('float16', [1], Uint16Array.of(pattern));
    assert.equal(difference(float16(0x3c01), float16(0x3c00)), undefined);
    assert.match(difference(float16(0x3c10), float16(0x3c00))!, /1\.015625, but 1 was recorded/);
    const bfloat16 = (pattern: number): Tensor => numericTensor('bfloat16', [1], Uint16Array.of(pattern));
    assert.equal(difference(bfloat16(0x3f81), bfloat16(0x3f80)), undefined);
  });

  it('has the recorded outputs, dtypes and shapes', () => {
    assert.match(difference(float32([2], 1, 2), float32([1, 2], 1, 2))!, /has shape \[2\], but \[1,2\] was recorded/);
    const double = numericTensor('float64', [1], Float64Array.of(1));
    assert.match(difference(float32([1], 1), double)!, /is float32, but float64 was recorded/);
    const told = differenceOf(new Map([['y', double]]), new Map([['z', double]]));
    assert.match(told!, /the answer has the outputs "?y"?, but "?z"? were recorded/);
  });
});
