import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clientLeft } from '../../../../src/core/cancel.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { CallerUse } from '../../../../src/scheduler/callers/caller-table.ts';
import { Lane } from '../../../../src/scheduler/queue/lane.ts';
import { PendingRequest } from '../../../../src/scheduler/queue/pending-request.ts';
import { TaskQueue } from '../../../../src/scheduler/queue/task-queue.ts';
import { SignaturePlan } from '../../../../src/scheduler/signature-plan.ts';
import { NO_FORECAST, type Task } from '../../../../src/scheduler/task.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { echoSignature, floats, rowsOf, taskContext } from '../../../support/scheduler-harness.ts';

const OPTIONS = { maxBatchSize: 2, batchTimeoutMicros: 0, maxEnqueuedBatches: 10, allowedBatchSizes: [] };
const lost = new ServingError('worker_lost', 'gone');

/** A request of as many rows as values, in parts of two, and a log of how it was settled. */
function setUp(...values: number[]) {
  const queue = new TaskQueue();
  const lane = new Lane('key', new SignaturePlan('s', echoSignature({ kind: 'dynamic' }), OPTIONS), ['x'], undefined);
  const context = taskContext(new FakeClock());
  const log: (number[] | string)[] = [];
  const request = new PendingRequest(
    context,
    queue.holdings.of(new CallerUse('a', 0)),
    queue,
    (outputs) => log.push(floats(outputs.get('x'))),
    (error) => log.push(error.kind),
  );
  const ticket = {
    enqueuedAt: 0,
    due: 0,
    order: 0,
    isFirst: false,
    isSoft: false,
    ...NO_FORECAST,
    expectedEnd: 0,
    partMs: 0,
  };
  request.enqueue(lane, rowsOf(values), values.length, ticket);
  const take = (): Task => {
    const task = lane.head!;
    queue.remove(task);
    return task;
  };
  return { queue, context, log, request, take };
}

describe('PendingRequest', () => {
  it('is answered by its only part', () => {
    const { request, take, log, context } = setUp(1, 2);
    const task = take();
    request.complete(task, task.inputs);
    assert.deepEqual(log, [[1, 2]]);
    assert.equal(request.isSettled, true);
    assert.equal(context.cancel.listener, undefined);
  });

  it('is answered when its last part is, in the order of its rows', () => {
    const { request, take, log } = setUp(1, 2, 3, 4, 5);
    const tasks = [take(), take(), take()];
    for (const at of [2, 0]) request.complete(tasks[at]!, tasks[at]!.inputs);
    assert.deepEqual(log, []);
    request.complete(tasks[1]!, tasks[1]!.inputs);
    assert.deepEqual(log, [[1, 2, 3, 4, 5]]);
  });

  it('takes its other parts out of the queue when one fails', () => {
    const { request, take, log, queue } = setUp(1, 2, 3, 4, 5);
    take();
    assert.equal(queue.queuedRows, 3);
    request.fail(lost);
    assert.deepEqual([queue.queuedRows, queue.queuedTasks, queue.laneCount], [0, 0, 0]);
    assert.deepEqual(log, ['worker_lost']);
  });

  const endings: Record<string, (s: ReturnType<typeof setUp>, task: Task) => void> = {
    answer: ({ request }, task) => request.complete(task, task.inputs),
    failure: ({ request }) => request.fail(lost),
    cancel: ({ context }) => context.cancel.cancel(clientLeft('execute')),
  };
  for (const [first, settle] of Object.entries(endings)) {
    it(`is settled by its first ${first} and by nothing after it`, () => {
      const s = setUp(1);
      const task = s.take();
      settle(s, task);
      assert.equal(s.log.length, 1);
      for (const again of Object.values(endings)) again(s, task);
      assert.equal(s.log.length, 1);
    });
  }

  it('enters no stage after it has settled', () => {
    const { request, context } = setUp(1);
    request.fail(lost);
    request.enter(5, 1);
    assert.equal(context.stages.has(5), false);
  });
});
