import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { batchAxisCandidate } from '../../../src/backends/batch-axis.ts';

type Dims = readonly (number | string)[];

describe('batchAxisCandidate', () => {
  const candidate = (inputs: readonly Dims[], outputs: readonly Dims[]): number | string => {
    const tensors = (all: readonly Dims[]) =>
      all.map((dims, i) => ({ name: `t${i}`, dtype: 'float32' as const, dims }));
    const axis = batchAxisCandidate(tensors(inputs), tensors(outputs));
    return axis.kind === 'fixed' ? axis.size : axis.kind;
  };

  it('is dynamic when every dim 0 is free, whatever its name', () => {
    assert.equal(candidate([['N', 3], ['N']], [['N', 2]]), 'dynamic');
    assert.equal(candidate([['N', 3]], [['M', 2]]), 'dynamic');
    assert.equal(candidate([['', 3]], [['', 2]]), 'dynamic');
  });

  it('is fixed when every dim 0 is the same number', () => {
    assert.equal(candidate([[8, 3], [8]], [[8, 2]]), 8);
    assert.equal(candidate([[1, 'length']], [[1, 2]]), 1);
    assert.equal(candidate([[8, 3]], [[4, 2]]), 'none');
  });

  it('is none for scalars, mixtures, empty dims, square inputs and models without inputs', () => {
    assert.equal(candidate([['N', 3], []], [['N', 2]]), 'none');
    assert.equal(candidate([['N', 3]], [[1, 2]]), 'none');
    assert.equal(candidate([[0, 3]], [[0, 3]]), 'none');
    assert.equal(candidate([['N', 'N']], [['N']]), 'none');
    assert.equal(candidate([], [['N']]), 'none');
  });
});
