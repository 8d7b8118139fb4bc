import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { QueuedDeadline } from '../../src/scheduler/policy/batch-policy.ts';
import { Lane } from '../../src/scheduler/queue/lane.ts';
import { SignaturePlan } from '../../src/scheduler/signature-plan.ts';
import type { Task } from '../../src/scheduler/task.ts';
import { looseTask } from '../support/loose-task.ts';
import { echoSignature } from '../support/scheduler-harness.ts';

const OPTIONS = { maxBatchSize: 8, batchTimeoutMicros: 0, maxEnqueuedBatches: 10, allowedBatchSizes: [] };

type Step =
  | { readonly kind: 'push'; readonly due: number; readonly rows: number; readonly isSoft: boolean }
  | { readonly kind: 'head' | 'any'; readonly which: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('push' as const),
        due: fc.nat(30),
        rows: fc.integer({ min: 1, max: 8 }),
        isSoft: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom('head' as const, 'any' as const), which: fc.nat(1000) }),
    },
  ),
  { maxLength: 80 },
);

/** What a lane must be like, told by a plain sorted array. */
function check(lane: Lane, model: readonly Task[]): void {
  assert.equal(lane.head, model[0]);
  assert.equal(lane.queuedTasks, model.length);
  const rows = model.reduce((sum, task) => sum + task.rows, 0);
  assert.equal(lane.queuedRows, rows);
  assert.deepEqual(new Set(lane.tasks()), new Set(model));
  assert.ok(Math.abs(lane.rowsBefore({ order: Infinity, isFirst: false }) - rows) < 1e-9, 'all are due some day');
  assert.equal(lane.rowsBefore({ order: (model[0]?.due ?? 0) - 1, isFirst: false }), 0, 'none is due before the head');
  for (const within of [1, 6, 1000]) assert.deepEqual(lane.firstDeadline(within), firstDeadlineOf(model, within));
  let before = 0;
  for (let due = 0; due <= 30; due += 3) {
    const now = lane.rowsBefore({ order: due, isFirst: false });
    assert.ok(now >= before - 1e-9 && now <= rows + 1e-9, 'the later, the more');
    before = now;
  }
}

function firstDeadlineOf(model: readonly Task[], within: number): QueuedDeadline | undefined {
  let before = 0;
  for (const { isSoft, due, rows } of model) {
    if (before >= within) return undefined;
    if (!isSoft) return { due, rows, before };
    before += rows;
  }
  return undefined;
}

describe('Lane, whatever comes and goes', () => {
  it('gives who is due first, of equals who came first, and counts what waits', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const lane = new Lane(
          'key',
          new SignaturePlan('s', echoSignature({ kind: 'dynamic' }), OPTIONS),
          ['y'],
          undefined,
        );
        let model: Task[] = [];
        let now = 0;
        for (const step of sequence) {
          now += 1;
          if (step.kind === 'push') {
            const task = looseTask(step.rows, now, new Map(), { due: step.due, isSoft: step.isSoft });
            lane.push(task);
            model = [...model, task].sort((a, b) => a.due - b.due || a.enqueuedAt - b.enqueuedAt);
          } else {
            const task = step.kind === 'head' ? lane.head : model[step.which % Math.max(1, model.length)];
            if (task === undefined) continue;
            lane.remove(task);
            assert.deepEqual(
              [task.lane, task.previous, task.next, task.heapIndex],
              [undefined, undefined, undefined, -1],
            );
            model = model.filter((other) => other !== task);
          }
          check(lane, model);
        }
      }),
      { numRuns: 300 },
    );
  });
});
