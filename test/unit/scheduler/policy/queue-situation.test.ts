import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StandingQueue } from '../../../../src/scheduler/policy/queue-situation.ts';

describe('StandingQueue', () => {
  it('is one whose head has waited too long at every look for 100 ms', () => {
    const queue = new StandingQueue();
    for (const [waited, at, want] of [
      [40, 0, false],
      [60, 10, false],
      [60, 109, false],
      [60, 110, true],
      [49, 120, false],
      [60, 130, false],
      [60, 230, true],
    ] as const) {
      queue.look(waited, 100, at);
      assert.equal(queue.isStanding, want, `${waited} ms at ${at}`);
    }
  });

  it('is over when nothing waits', () => {
    const queue = new StandingQueue();
    queue.look(60, 100, 0);
    queue.look(60, 100, 200);
    assert.equal(queue.isStanding, true);
    queue.clear();
    assert.equal(queue.isStanding, false);
  });
});
