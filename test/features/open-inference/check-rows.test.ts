import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Facts } from '../../../src/core/collections/facts.ts';
import { numericTensor } from '../../../src/core/tensor.ts';
import { checkRows } from '../../../src/features/open-inference/check-rows.ts';
import { GIVEN_CONFIG, type TritonConfig } from '../../../src/features/open-inference/exported/model-config.ts';

/** Two inputs of these shapes, to a model whose config.pbtxt has this `max_batch_size`. */
function check(a: readonly number[], b: readonly number[], maxBatchSize = 8): void {
  const facts = new Facts();
  facts.set(GIVEN_CONFIG, { config: { maxBatchSize } as TritonConfig, labels: new Map() });
  const zeros = (shape: readonly number[]) =>
    numericTensor('float32', shape, new Float32Array(shape.reduce((product, dim) => product * dim, 1)));
  checkRows(
    'm',
    new Map([
      ['a', zeros(a)],
      ['b', zeros(b)],
    ]),
    facts,
  );
}

describe('the rows of the inputs of a request', () => {
  it('are equally many, where the model has a max_batch_size', () => {
    check([2, 3], [2]);
    check([1, 3], [2, 3], 0);
    assert.throws(() => check([1, 3], [2, 3]), {
      kind: 'invalid_request',
      message: `input 'a' batch size does not match other inputs for 'm'; "a" has 1 rows and "b" 2: send equally many`,
    });
  });

  it('are none of a scalar', () => {
    check([], []);
    assert.throws(() => check([], [2]), /"a" has no rows and "b" 2: send equally many/);
    assert.throws(() => check([2], []), /"a" has 2 rows and "b" none: send equally many/);
  });
});
