import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LengthPadding } from '../../../../src/core/signature.ts';
import { numericTensor, type StringTensor, stringTensor, type Tensor } from '../../../../src/core/tensor.ts';
import { cutRows, lengthMisfitOf, padRows, type RowShare } from '../../../../src/scheduler/batch/pad-rows.ts';
import { bufferOf, floats } from '../../../support/scheduler-harness.ts';

const numbers = (shape: readonly number[], ...values: number[]): Tensor =>
  numericTensor('float32', shape, Float32Array.from(values));
const text = (...values: string[]): StringTensor =>
  stringTensor(
    [1, values.length],
    values.map((value) => new TextEncoder().encode(value)),
  );
const share = (tensor: Tensor): RowShare => ({ rows: tensor.shape[0]!, inputs: new Map([['x', tensor]]) });

/** x has the length at the dims `into`, and y at `from`. */
function paddingOf(value: Tensor, into: readonly number[] = [1], from: readonly number[] = [1]): LengthPadding {
  return { inputs: new Map([['x', { dims: into, value }]]), outputs: new Map([['y', from]]), most: Infinity };
}

const ZERO = numbers([], 0);

function padded(tensor: Tensor, length: number, padding: LengthPadding): Tensor {
  return padRows([share(tensor)], { padding, length })[0]!.inputs.get('x')!;
}

function cut(tensor: Tensor, length: number, padding: LengthPadding): Tensor {
  return cutRows(new Map([['y', tensor]]), padding, length).get('y')!;
}

describe('padRows', () => {
  it('pads each row with the value', () => {
    for (const [value, filler] of [
      [ZERO, 0],
      [numbers([], -1.5), -1.5],
    ] as const) {
      const x = padded(numbers([2, 2], 1, 2, 3, 4), 3, paddingOf(value));
      assert.deepEqual(
        [x.shape, floats(x)],
        [
          [2, 3],
          [1, 2, filler, 3, 4, filler],
        ],
      );
    }
  });

  it('pads within further dims, and at several dims', () => {
    const inner = padded(numbers([1, 1, 2], 1, 2), 2, paddingOf(ZERO));
    assert.deepEqual(
      [inner.shape, floats(inner)],
      [
        [1, 2, 2],
        [1, 2, 0, 0],
      ],
    );
    const square = padded(numbers([1, 2, 2], 1, 2, 3, 4), 3, paddingOf(ZERO, [1, 2]));
    assert.deepEqual(
      [square.shape, floats(square)],
      [
        [1, 3, 3],
        [1, 2, 0, 3, 4, 0, 0, 0, 0],
      ],
    );
    const outer = padded(numbers([2, 2, 1], 1, 2, 3, 4), 2, paddingOf(ZERO, [2]));
    assert.deepEqual(
      [outer.shape, floats(outer)],
      [
        [2, 2, 2],
        [1, 0, 2, 0, 3, 0, 4, 0],
      ],
    );
  });

  it('pads strings', () => {
    const x = padded(text('a', 'b'), 3, paddingOf(stringTensor([], [Buffer.from('-')]))) as StringTensor;
    assert.deepEqual(
      x.data.map((each) => new TextDecoder().decode(each)),
      ['a', 'b', '-'],
    );
  });

  it('leaves rows of that length as they are', () => {
    const own = share(numbers([1, 3], 1, 2, 3));
    assert.equal(padRows([own], { padding: paddingOf(ZERO), length: 3 })[0], own);
  });
});

describe('cutRows', () => {
  it('gives back what was padded', () => {
    for (const [tensor, dims] of [
      [numbers([2, 2], 1, 2, 3, 4), [1]],
      [numbers([2, 2, 3], 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), [1]],
      [numbers([2, 2, 2], 1, 2, 3, 4, 5, 6, 7, 8), [1, 2]],
      [numbers([2, 3, 2], 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), [2]],
    ] as const) {
      const padding = paddingOf(ZERO, dims, dims);
      const back = cut(padded(tensor, 5, padding), 2, padding);
      assert.deepEqual([back.shape, floats(back)], [tensor.shape, floats(tensor)]);
    }
    const padding = paddingOf(text('-'));
    assert.deepEqual(cut(padded(text('a', 'b'), 3, padding), 2, padding), text('a', 'b'));
  });

  it('copies nothing of a single row whose length comes first', () => {
    const y = numbers([1, 3, 2], 1, 2, 3, 4, 5, 6);
    const back = cut(y, 2, paddingOf(ZERO));
    assert.equal(bufferOf(back), bufferOf(y));
    assert.deepEqual(
      [back.shape, floats(back)],
      [
        [1, 2, 2],
        [1, 2, 3, 4],
      ],
    );
  });

  it('leaves outputs without a length, and those that are not there', () => {
    const z = numbers([2, 3], 1, 2, 3, 4, 5, 6);
    assert.deepEqual([...cutRows(new Map([['z', z]]), paddingOf(ZERO), 2)], [['z', z]]);
  });
});

describe('lengthMisfitOf', () => {
  it('finds an output that has not the length', () => {
    const misfit = (...shape: number[]): string | undefined => {
      const y = numericTensor('float32', shape, new Float32Array(shape.reduce((count, dim) => count * dim, 1)));
      return lengthMisfitOf(new Map([['y', y]]), ['y'], { padding: paddingOf(ZERO), length: 3 });
    };
    assert.equal(misfit(2, 3), undefined);
    assert.equal(misfit(2, 4), 'output "y" has shape [2,4] for rows of length 3, so its dim 1 is not the length');
    assert.match(misfit(2)!, /its dim 1 is not the length/);
  });
});
