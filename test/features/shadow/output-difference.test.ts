import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { BFLOAT16, FLOAT16, toSmallFloat } from '../../../src/core/small-float.ts';
import { numericTensor, stringTensor, type Tensor } from '../../../src/core/tensor.ts';
import { outputDifferences } from '../../../src/features/shadow/output-difference.ts';

const floats = (...values: number[]): Tensor => numericTensor('float32', [values.length], Float32Array.from(values));

async function difference(right: Tensor, other: Tensor) {
  const [only] = await outputDifferences(new Map([['y', right]]), new Map([['y', other]]));
  return only!;
}

describe('the difference of outputs', () => {
  it('of floats is the largest there is, absolute and relative, and how many are beyond the tolerance', async () => {
    const { absolute, relative, mismatches, elements } = await difference(floats(1, 100, 3), floats(1, 101, 3.00001));
    assert.deepEqual([absolute, mismatches, elements], [1, 1, 3]);
    assert.equal(relative, 1 / 101);
  });

  it('of small floats is relative to the tolerance at the least', async () => {
    const { relative, mismatches } = await difference(floats(0), floats(1e-6));
    assert.equal(mismatches, 0);
    assert.ok(Math.abs(relative! - 0.1) < 1e-6);
  });

  it('counts a NaN or an infinity on one side, and none on both', async () => {
    const { absolute, relative, mismatches } = await difference(
      floats(Number.NaN, Number.NaN, Infinity, Infinity, 1),
      floats(Number.NaN, 0, Infinity, -Infinity, 1),
    );
    assert.deepEqual([absolute, relative, mismatches], [0, 0, 2]);
  });

  it('of 16-bit floats is that of the numbers which they stand for', async () => {
    for (const [dtype, format] of [
      ['float16', FLOAT16],
      ['bfloat16', BFLOAT16],
    ] as const) {
      const one = (value: number): Tensor => numericTensor(dtype, [1], Uint16Array.of(toSmallFloat(format, value)));
      const { absolute, mismatches } = await difference(one(2), one(3));
      assert.deepEqual([absolute, mismatches], [1, 1], dtype);
    }
  });

  it('of integers, booleans and strings is how many are not equal', async () => {
    const int64 = numericTensor('int64', [3], BigInt64Array.of(1n, 2n, -3n));
    const int32 = numericTensor('int32', [3], Int32Array.of(1, 9, -3));
    assert.deepEqual(await difference(int64, int32), {
      output: 'y',
      elements: 3,
      mismatches: 1,
      absolute: undefined,
      relative: undefined,
    });
    const texts = (...all: string[]) =>
      stringTensor(
        [all.length],
        all.map((text) => Buffer.from(text)),
      );
    assert.equal((await difference(texts('a', 'b', ''), texts('a', 'c', 'd'))).mismatches, 2);
  });

  it('of another shape, or of a text and a number, is all of it', async () => {
    assert.equal((await difference(floats(1, 2), floats(1))).mismatches, 2);
    assert.equal((await difference(floats(1), stringTensor([1], [Buffer.from('1')]))).mismatches, 1);
    assert.equal((await difference(floats(), floats(1))).mismatches, 1);
  });

  it('finds the last element of an output that takes several turns', async () => {
    const right = new Float32Array(100_000);
    const other = right.slice();
    other[99_999] = 1;
    const found = await difference(
      numericTensor('float32', [100_000], right),
      numericTensor('float32', [100_000], other),
    );
    assert.deepEqual([found.mismatches, found.absolute], [1, 1]);
  });

  it('passes over what only one has', async () => {
    const one = floats(1);
    const found = await outputDifferences(
      new Map([
        ['y', one],
        ['z', one],
      ]),
      new Map([
        ['y', one],
        ['w', one],
      ]),
    );
    assert.deepEqual(
      found.map(({ output }) => output),
      ['y'],
    );
  });
});
