import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Lane } from '../../../../src/scheduler/queue/lane.ts';
import { SignaturePlan } from '../../../../src/scheduler/signature-plan.ts';
import type { Task } from '../../../../src/scheduler/task.ts';
import { looseTask } from '../../../support/loose-task.ts';
import { echoSignature } from '../../../support/scheduler-harness.ts';

const OPTIONS = { maxBatchSize: 8, batchTimeoutMicros: 0, maxEnqueuedBatches: 10, allowedBatchSizes: [] };

function newLane(): Lane {
  return new Lane('key', new SignaturePlan('s', echoSignature({ kind: 'dynamic' }), OPTIONS), ['y'], undefined);
}

function order(lane: Lane): Task[] {
  const forward: Task[] = [];
  let last: Task | undefined;
  for (let task = lane.head; task !== undefined; task = task.next) {
    assert.equal(task.previous, last);
    assert.equal(task.lane, lane);
    forward.push(task);
    last = task;
  }
  assert.equal(forward.length, lane.queuedTasks);
  assert.equal(
    forward.reduce((rows, task) => rows + task.rows, 0),
    lane.queuedRows,
  );
  return forward;
}

describe('Lane', () => {
  it('is empty at first', () => {
    const lane = newLane();
    assert.deepEqual(order(lane), []);
    assert.equal(lane.oldestEnqueuedAt, Infinity);
  });

  it('keeps tasks in the order in which they came', () => {
    const lane = newLane();
    const tasks = [1, 2, 3].map((rows) => looseTask(rows, 10 + rows));
    for (const task of tasks) lane.push(task);
    assert.deepEqual(order(lane), tasks);
    assert.equal(lane.queuedRows, 6);
    assert.equal(lane.oldestEnqueuedAt, 11);
  });

  for (const [where, leaving] of [
    ['head', 0],
    ['middle', 1],
    ['tail', 2],
  ] as const) {
    it(`lets the ${where} leave and counts its rows no more`, () => {
      const lane = newLane();
      const tasks = [1, 2, 4].map((rows) => looseTask(rows, rows));
      for (const task of tasks) lane.push(task);
      const task = tasks[leaving]!;
      lane.remove(task);
      assert.deepEqual(
        order(lane),
        tasks.filter((t) => t !== task),
      );
      assert.deepEqual([task.lane, task.previous, task.next], [undefined, undefined, undefined]);
    });
  }

  it('takes tasks again after it was emptied', () => {
    const lane = newLane();
    const [a, b] = [looseTask(1, 1), looseTask(2, 2)];
    lane.push(a);
    lane.remove(a);
    assert.deepEqual(order(lane), []);
    lane.push(b);
    assert.deepEqual(order(lane), [b]);
  });
});
