import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { largestLength, lengthOf } from '../../../src/core/signature.ts';
import { numericTensor, type TensorMap } from '../../../src/core/tensor.ts';
import { LENGTH_PADDING, sequences } from '../../support/length-models.ts';

function inputs(ids: readonly number[], mask: readonly number[]): TensorMap {
  const of = (shape: readonly number[]) =>
    numericTensor('int64', shape, new BigInt64Array(shape.reduce((count, dim) => count * dim, 1)));
  return new Map([
    ['ids', of(ids)],
    ['mask', of(mask)],
  ]);
}

describe('The length of a request', () => {
  it('is the size of all dims that have it', () => {
    assert.equal(lengthOf(LENGTH_PADDING, sequences([[1, 2, 3]])), 3);
    assert.equal(largestLength(LENGTH_PADDING, sequences([[1, 2, 3]])), 3);
  });

  it('is none where the dims differ, where one is empty, and where one is missing', () => {
    for (const request of [inputs([1, 3], [1, 4]), inputs([1, 0], [1, 0]), inputs([1, 3], [1]), inputs([1], [1, 3])]) {
      assert.equal(lengthOf(LENGTH_PADDING, request), 0);
    }
    assert.equal(largestLength(LENGTH_PADDING, inputs([1, 3], [1, 4])), 4);
    assert.equal(largestLength(LENGTH_PADDING, inputs([1], [1, 4])), 4);
  });
});
