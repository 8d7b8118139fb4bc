import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Tensor, TensorMap } from '../../../../src/core/tensor.ts';
import { TaskQueue } from '../../../../src/scheduler/queue/task-queue.ts';
import { SignaturePlan } from '../../../../src/scheduler/signature-plan.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { looseTask } from '../../../support/loose-task.ts';
import { echoSignature, taskContext } from '../../../support/scheduler-harness.ts';

const OPTIONS = { maxBatchSize: 8, batchTimeoutMicros: 0, maxEnqueuedBatches: 10, allowedBatchSizes: [] };
const plan = (name = 's', axis: 'dynamic' | 'none' = 'dynamic'): SignaturePlan =>
  new SignaturePlan(name, echoSignature({ kind: axis }, ['a', 'b']), OPTIONS);

function numeric(dtype: 'float32' | 'int32', shape: readonly number[]): Tensor {
  return { dtype, shape, data: new Uint8Array(0) };
}

function request(a: Tensor, b: Tensor, outputs: readonly string[] = ['y']) {
  const inputs: TensorMap = new Map([
    ['a', a],
    ['b', b],
  ]);
  return { signatureName: 's', inputs, outputs, context: taskContext(new FakeClock()) };
}

const base = request(numeric('float32', [1, 3]), numeric('float32', [1, 4]));

describe('TaskQueue', () => {
  it('puts requests that differ in rows alone into one lane', () => {
    const queue = new TaskQueue();
    const p = plan();
    const lane = queue.laneFor(p, base, 1);
    queue.push(lane, looseTask(1));
    assert.equal(queue.laneFor(p, request(numeric('float32', [7, 3]), numeric('float32', [7, 4])), 7), lane);
  });

  const others = {
    'another dtype': request(numeric('int32', [1, 3]), numeric('float32', [1, 4])),
    'another row shape': request(numeric('float32', [1, 4]), numeric('float32', [1, 3])),
    'the same elements in another rank': request(numeric('float32', [1, 3, 1]), numeric('float32', [1, 4])),
    'digits that run together': request(numeric('float32', [1, 3, 4]), numeric('float32', [1])),
    'other outputs': request(base.inputs.get('a')!, base.inputs.get('b')!, ['z']),
    'more outputs': request(base.inputs.get('a')!, base.inputs.get('b')!, ['y', 'z']),
  };
  for (const [name, other] of Object.entries(others)) {
    it(`gives a lane of its own to ${name}`, () => {
      const queue = new TaskQueue();
      const p = plan();
      queue.push(queue.laneFor(p, base, 1), looseTask(1));
      assert.equal(queue.laneFor(p, other, 1).queuedTasks, 0);
    });
  }

  it('gives lanes of their own to signatures, and to requests without rows', () => {
    const queue = new TaskQueue();
    const p = plan();
    queue.push(queue.laneFor(p, base, 1), looseTask(1));
    assert.equal(queue.laneFor(plan('t'), base, 1).queuedTasks, 0);
    const empty = queue.laneFor(p, base, 0);
    assert.equal(empty.wholeSize, 0);
    assert.equal(empty.maxBatchSize, 1);
    assert.equal(queue.laneFor(plan('s', 'none'), base, 1).wholeSize, 1);
  });

  it('keeps no lane that is empty, whatever shapes callers send', () => {
    const queue = new TaskQueue();
    const p = plan();
    for (let width = 0; width < 1000; width++) {
      const task = looseTask(1);
      queue.push(queue.laneFor(p, request(numeric('float32', [1, width]), numeric('float32', [1])), 1), task);
      queue.remove(task);
    }
    assert.equal(queue.laneCount, 0);
    assert.deepEqual([...queue], []);
  });

  it('counts the bytes of strings anew when none of them wait any more', () => {
    const spec = { dtype: 'string', shape: [-1], tensorName: 't' } as const;
    const inputs = new Map([
      ['a', spec],
      ['b', spec],
    ]);
    const p = new SignaturePlan('s', { ...echoSignature({ kind: 'dynamic' }), inputs }, OPTIONS);
    const queue = new TaskQueue();
    const outputs = ['y'];
    for (const bytes of [1, 1e6, 10]) {
      const text: Tensor = { dtype: 'string', shape: [1], data: [new Uint8Array(bytes)] };
      const lane = queue.laneFor(p, request(text, text, outputs), 1);
      assert.ok(lane.rowBytes >= 2 * bytes && lane.rowBytes < 2 * bytes + 100, `${lane.rowBytes} for ${bytes}`);
      const task = looseTask(1);
      queue.push(lane, task);
      queue.remove(task);
    }
  });

  it('counts what waits, in all and for each signature, and says when nothing does', () => {
    const queue = new TaskQueue();
    let emptied = 0;
    queue.onEmpty = () => {
      emptied += 1;
    };
    const [p, q] = [plan('s'), plan('t')];
    const tasks = [looseTask(3), looseTask(2), looseTask(4)];
    queue.push(queue.laneFor(p, base, 3), tasks[0]!);
    queue.push(queue.laneFor(p, base, 2), tasks[1]!);
    queue.push(queue.laneFor(q, base, 4), tasks[2]!);
    assert.deepEqual(
      [queue.queuedRows, queue.queuedTasks, p.queuedRows, q.queuedRows, queue.laneCount],
      [9, 3, 5, 4, 2],
    );
    queue.remove(tasks[0]!);
    queue.remove(tasks[0]!);
    assert.deepEqual([queue.queuedRows, queue.queuedTasks, p.queuedRows, q.queuedRows], [6, 2, 2, 4]);
    queue.remove(tasks[1]!);
    assert.equal(emptied, 0);
    queue.remove(tasks[2]!);
    assert.deepEqual([queue.queuedRows, queue.queuedTasks, p.queuedRows, q.queuedRows, emptied], [0, 0, 0, 0, 1]);
  });
});
