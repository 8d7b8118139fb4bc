import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GreedyPolicy, type LaneFacts } from '../../src/scheduler/policy/batch-policy.ts';

const NOW = 1000;

const lane: fc.Arbitrary<LaneFacts> = fc
  .record({
    queuedRows: fc.integer({ min: 1, max: 200 }),
    age: fc.double({ min: 0, max: 50, noNaN: true }),
    maxBatchSize: fc.integer({ min: 1, max: 64 }),
  })
  .map(({ queuedRows, age, maxBatchSize }) => ({
    queuedRows,
    queuedTasks: queuedRows,
    oldestEnqueuedAt: NOW - age,
    maxBatchSize,
  }));

const isFull = (l: LaneFacts): boolean => l.queuedRows >= l.maxBatchSize;

describe('GreedyPolicy, whatever waits', () => {
  it('runs an allowed batch of the lane that waited longest, or waits for the first that will be due', () => {
    const arbitraries = [fc.nat(3), fc.constantFrom(0, 1, 5000, 1e9), fc.array(lane, { maxLength: 8 })] as const;
    fc.assert(
      fc.property(...arbitraries, (freeSlots, timeoutMicros, lanes) => {
        const dueAt = (l: LaneFacts): number => (isFull(l) ? 0 : l.oldestEnqueuedAt + timeoutMicros / 1000);
        const ready = lanes.filter((l) => dueAt(l) <= NOW);
        const decision = new GreedyPolicy(timeoutMicros).decide({ freeSlots, lanes }, NOW);
        if (freeSlots === 0 || lanes.length === 0) {
          assert.equal(decision.kind, 'idle');
        } else if (ready.length === 0) {
          assert.deepEqual(decision, { kind: 'waitUntil', at: Math.min(...lanes.map(dueAt)) });
        } else {
          assert.ok(decision.kind === 'run', 'a free slot does not rest while a lane may run');
          assert.equal(decision.lane.oldestEnqueuedAt, Math.min(...ready.map((l) => l.oldestEnqueuedAt)));
          assert.equal(decision.rows, Math.min(decision.lane.queuedRows, decision.lane.maxBatchSize));
        }
      }),
    );
  });
});
