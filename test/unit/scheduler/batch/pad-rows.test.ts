import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  numericTensor,
  type StringTensor,
  stringTensor,
  type Tensor,
  type TensorMap,
} from '../../../../src/core/tensor.ts';
import { padAlike, type RowShare } from '../../../../src/scheduler/batch/pad-rows.ts';
import { floats, SchedulerHarness, settle } from '../../../support/scheduler-harness.ts';

const numbers = (shape: readonly number[], ...values: number[]): Tensor =>
  numericTensor('float32', shape, Float32Array.from(values));
const share = (tensor: Tensor): RowShare => ({ rows: tensor.shape[0]!, inputs: new Map([['x', tensor]]) });
const of = (tensor: Tensor): TensorMap => new Map([['x', tensor]]);

function padded(...tensors: readonly Tensor[]): readonly Tensor[] {
  return padAlike(tensors.map(share), ['x']).map(({ inputs }) => inputs.get('x')!);
}

describe('padAlike', () => {
  it('pads each to the largest with its own first element, row by row', () => {
    const [a, b] = padded(numbers([2, 2], 1, 2, 3, 4), numbers([1, 3], 7, 8, 9)) as [Tensor, Tensor];
    assert.deepEqual(
      [a.shape, floats(a)],
      [
        [2, 3],
        [1, 2, 1, 3, 4, 1],
      ],
    );
    assert.deepEqual(
      [b.shape, floats(b)],
      [
        [1, 3],
        [7, 8, 9],
      ],
    );
  });

  it('takes the largest of each dim, which no tensor needs to have', () => {
    const [a, b] = padded(numbers([1, 2, 1], 1, 2), numbers([1, 1, 3], 7, 8, 9)) as [Tensor, Tensor];
    assert.deepEqual(
      [a.shape, floats(a)],
      [
        [1, 2, 3],
        [1, 1, 1, 2, 1, 1],
      ],
    );
    assert.deepEqual(
      [b.shape, floats(b)],
      [
        [1, 2, 3],
        [7, 8, 9, 7, 7, 7],
      ],
    );
  });

  it('pads strings', () => {
    const text = (...values: string[]): Tensor =>
      stringTensor(
        [1, values.length],
        values.map((value) => new TextEncoder().encode(value)),
      );
    const [a] = padded(text('a', 'b'), text('c', 'd', 'e')) as [StringTensor];
    assert.deepEqual(
      a.data.map((each) => new TextDecoder().decode(each)),
      ['a', 'b', 'a'],
    );
  });

  it('leaves alike rows as they are', () => {
    const shares = [share(numbers([1, 2], 1, 2)), share(numbers([2, 2], 1, 2, 3, 4))];
    assert.deepEqual(
      padAlike(shares, ['x']).map((each, i) => each === shares[i]),
      [true, true],
    );
  });
});

describe('A scheduler with pad_variable_length_inputs', () => {
  it('runs requests of different lengths together, and without it apart', async () => {
    for (const [padVariableLengthInputs, batches] of [
      [true, [[2, 3]]],
      [
        false,
        [
          [1, 2],
          [1, 3],
        ],
      ],
    ] as const) {
      const h = new SchedulerHarness({ padVariableLengthInputs, slots: 2 });
      const short = h.submit(of(numbers([1, 2], 1, 2)));
      const long = h.submit(of(numbers([1, 3], 7, 8, 9)));
      h.turn();
      assert.deepEqual(
        h.executor.runs.map(({ batch }) => batch.inputs.get('x')!.shape),
        batches,
      );
      for (const run of h.executor.active) run.complete();
      assert.deepEqual(await short.values(), padVariableLengthInputs ? [1, 2, 1] : [1, 2]);
      assert.deepEqual(await long.values(), [7, 8, 9]);
    }
  });

  it('keeps apart what cannot be padded: other ranks, and rows without an element', async () => {
    const h = new SchedulerHarness({ padVariableLengthInputs: true, slots: 3 });
    const requests = [numbers([1, 2], 1, 2), numbers([1, 1, 2], 1, 2), numbers([1, 0])].map((x) => h.submit(of(x)));
    h.turn();
    assert.equal(h.executor.runs.length, 3);
    for (const run of h.executor.active) run.complete();
    await settle();
    for (const { outcome } of requests) assert.notEqual(outcome?.outputs, undefined);
  });
});
