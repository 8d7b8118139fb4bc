import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { byteLengthOf, elements, numericTensor, sliceRows, stringTensor } from '../../../src/core/tensor.ts';

describe('Tensor', () => {
  it('gives the same elements at any alignment', () => {
    const values = Float32Array.of(1.5, -2, 3);
    const shifted = new Uint8Array(13);
    shifted.set(new Uint8Array(values.buffer), 1);
    assert.deepEqual(elements({ dtype: 'float32', shape: [3], data: shifted.subarray(1) }), values);
    assert.deepEqual(elements(numericTensor('float32', [3], values)), values);
    // A Buffer's slice() is a view of its pool: the copy must not begin where the pool does.
    assert.deepEqual(elements({ dtype: 'float32', shape: [3], data: Buffer.from(shifted).subarray(1) }), values);
  });

  it('slices rows without copying', () => {
    const tensor = numericTensor('int64', [3, 2], BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n));
    const middle = sliceRows(tensor, 1, 2);
    assert.deepEqual(middle.shape, [1, 2]);
    assert.ok(middle.dtype !== 'string' && middle.data.buffer === tensor.data.buffer);
    assert.deepEqual(elements(middle), BigInt64Array.of(3n, 4n));
  });

  it('slices string rows and counts their bytes', () => {
    const bytes = ['a', 'bb', 'ccc', ''].map((s) => new TextEncoder().encode(s));
    const tensor = stringTensor([2, 2], bytes);
    assert.equal(byteLengthOf(tensor), 6);
    assert.deepEqual(sliceRows(tensor, 1, 2).data, bytes.slice(2));
  });

  it('slices no rows out of none', () => {
    const empty = numericTensor('float32', [0, 4], new Float32Array(0));
    assert.deepEqual(sliceRows(empty, 0, 0), empty);
  });

  it('refuses an array that does not fill the shape', () => {
    assert.throws(() => numericTensor('float32', [2], new Float32Array(3)), /takes 8 bytes, got 12/);
    assert.throws(() => stringTensor([2], []), /takes other than 0 elements/);
  });
});
