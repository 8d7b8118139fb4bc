import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { declaredRows, largestLength, lengthOf, type Signature, type TensorSpec } from '../../../src/core/signature.ts';
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

describe('the rows that a signature declares', () => {
  const spec = (shape: TensorSpec['shape'], dimNames: readonly string[] = []): TensorSpec => ({
    dtype: 'float32',
    shape,
    tensorName: '',
    dimNames,
  });
  const rowsOf = (x: TensorSpec, y: TensorSpec, more: Partial<Signature> = {}): number | undefined =>
    declaredRows({
      inputs: new Map([['x', x]]),
      outputs: new Map([['y', y]]),
      methodName: '',
      batchAxis: { kind: 'none' },
      ...more,
    });

  it('are any number, a fixed one or none, by the shapes', () => {
    assert.equal(rowsOf(spec([-1, 4]), spec([-1])), -1);
    assert.equal(rowsOf(spec([8, 4]), spec([8])), 8);
    assert.equal(rowsOf(spec([1, 4]), spec([1, 9])), 1);
    assert.equal(rowsOf(spec([1]), spec([1])), 1);
    assert.equal(rowsOf(spec([10]), spec([10])), undefined, 'ten numbers may be one row');
    assert.equal(rowsOf(spec([-1, 4]), spec([9])), undefined);
    assert.equal(rowsOf(spec([-1, 4]), spec([])), undefined);
    assert.equal(rowsOf(spec([-1, -1], ['n', 'n']), spec([-1, 2], ['n', ''])), undefined, 'it is square');
  });

  it('do not depend on a verdict, but where a shape is not known', () => {
    const axes = [{ kind: 'dynamic' }, { kind: 'none' }] as const;
    for (const batchAxis of axes) {
      for (const hasRows of [true, false]) {
        assert.equal(rowsOf(spec([-1, 4]), spec([-1, 4]), { batchAxis, hasRows }), -1);
        assert.equal(rowsOf(spec(undefined), spec([-1]), { batchAxis, hasRows }), hasRows ? -1 : undefined);
      }
      const batchAxes = new Map([['x', 1]]);
      assert.equal(rowsOf(spec([-1, -1]), spec([-1]), { batchAxis, batchAxes }), undefined, 'they are elsewhere');
    }
  });
});
