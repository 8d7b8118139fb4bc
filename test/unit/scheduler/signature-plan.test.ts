import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import type { BatchAxis, TensorSpec } from '../../../src/core/signature.ts';
import { numericTensor, stringTensor, type Tensor } from '../../../src/core/tensor.ts';
import { SignaturePlan, UNEQUAL_ROWS } from '../../../src/scheduler/signature-plan.ts';
import { echoSignature } from '../../support/scheduler-harness.ts';

function plan(batchAxis: BatchAxis, inputs: readonly string[] = ['x'], output?: TensorSpec, allowed: number[] = []) {
  const options = { maxBatchSize: 8, batchTimeoutMicros: 0, maxEnqueuedBatches: 10, allowedBatchSizes: allowed };
  return new SignaturePlan('s', echoSignature(batchAxis, inputs, output), options);
}

const f32 = (...shape: number[]): Tensor =>
  numericTensor('float32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (thrown) {
    assert.ok(thrown instanceof ServingError);
    assert.equal(thrown.kind, 'invalid_request');
    return thrown.message;
  }
  return assert.fail('nothing was refused');
}

describe('SignaturePlan', () => {
  it('reads the largest batch from the axis', () => {
    assert.equal(plan({ kind: 'dynamic' }).maxBatchSize, 8);
    assert.equal(plan({ kind: 'fixed', size: 3 }).maxBatchSize, 3);
    assert.equal(plan({ kind: 'none' }).maxBatchSize, 1);
    assert.equal(plan({ kind: 'dynamic' }, []).isWhole, true, 'without inputs there are no rows');
  });

  it('limits what may wait in batches of the signature, not of the options', () => {
    assert.equal(plan({ kind: 'dynamic' }).maxQueuedRows, 80);
    assert.equal(plan({ kind: 'fixed', size: 3 }).maxQueuedRows, 30);
    assert.equal(plan({ kind: 'none' }).maxQueuedRows, 10);
  });

  it('pads to the next size allowed', () => {
    const allowed = plan({ kind: 'dynamic' }, ['x'], undefined, [2, 4, 8]);
    assert.deepEqual(
      [1, 2, 3, 4, 5, 8].map((rows) => allowed.sizeFor(rows)),
      [2, 2, 4, 4, 8, 8],
    );
    assert.deepEqual(
      [1, 5].map((rows) => plan({ kind: 'dynamic' }).sizeFor(rows)),
      [1, 5],
    );
    assert.equal(plan({ kind: 'fixed', size: 3 }, ['x'], undefined, [2, 8]).sizeFor(1), 3);
  });

  it('counts rows along dim 0', () => {
    const two = plan({ kind: 'dynamic' }, ['a', 'b']);
    assert.equal(
      two.rowsOf(
        new Map([
          ['a', f32(3)],
          ['b', f32(3, 2)],
        ]),
      ),
      3,
    );
    assert.equal(
      two.rowsOf(
        new Map([
          ['a', f32(0)],
          ['b', f32(0, 2)],
        ]),
      ),
      0,
    );
    assert.equal(plan({ kind: 'none' }).rowsOf(new Map([['x', f32()]])), 1);
    assert.equal(plan({ kind: 'none' }).rowsOf(new Map([['x', f32(5)]])), 1);
  });

  it('says which inputs do not agree, and refuses those without rows', () => {
    const two = plan({ kind: 'dynamic' }, ['a', 'b']);
    const unequal = new Map([
      ['a', f32(3)],
      ['b', f32(4, 2)],
    ]);
    assert.equal(two.rowsOf(unequal), UNEQUAL_ROWS);
    assert.equal(two.rowsOf(unequal, true), 1, 'it is run as it came');
    assert.match(two.unequalRows(unequal), /^inputs differ in dim 0, the batch: "a" \[3\], "b" \[4,2\]; send/);
    assert.match(
      refusal(() =>
        two.rowsOf(
          new Map([
            ['a', f32(3)],
            ['b', f32()],
          ]),
        ),
      ),
      /"b" is a scalar/,
    );
    assert.match(
      refusal(() => two.rowsOf(new Map([['a', f32(3)]]))),
      /"b" is missing; sent: "a"/,
    );
  });

  it('refuses data that does not fill its shape: it would reach the rows of others', () => {
    const p = plan({ kind: 'dynamic' });
    const short: Tensor = { dtype: 'float32', shape: [2, 2], data: new Uint8Array(12) };
    assert.match(
      refusal(() => p.rowsOf(new Map([['x', short]]))),
      /"x" has 12 bytes, but float32 \[2,2\] takes 16/,
    );
    const strings: Tensor = { dtype: 'string', shape: [2], data: [new Uint8Array(1)] };
    assert.match(
      refusal(() => p.rowsOf(new Map([['x', strings]]))),
      /has 1 elements/,
    );
    assert.equal(p.rowsOf(new Map([['x', stringTensor([1], [new Uint8Array(5)])]])), 1);
  });

  it('answers a request without rows where the signature tells the shape', () => {
    const known: TensorSpec = { dtype: 'float32', shape: [-1, 10], tensorName: 'y' };
    const answer = plan({ kind: 'dynamic' }, ['x'], known).emptyAnswer(['y']);
    assert.deepEqual(answer?.get('y'), { dtype: 'float32', shape: [0, 10], data: new Uint8Array(0) });
    const text = plan({ kind: 'dynamic' }, ['x'], { ...known, dtype: 'string' }).emptyAnswer(['y']);
    assert.deepEqual(text?.get('y'), { dtype: 'string', shape: [0, 10], data: [] });
  });

  it('does not guess a shape that the signature leaves open', () => {
    for (const shape of [[-1, -1], [], undefined]) {
      const spec: TensorSpec = { dtype: 'float32', shape, tensorName: 'y' };
      assert.equal(plan({ kind: 'dynamic' }, ['x'], spec).emptyAnswer(['y']), undefined);
    }
    assert.equal(plan({ kind: 'dynamic' }).emptyAnswer(['unknown']), undefined);
  });
});
