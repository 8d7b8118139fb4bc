import assert from 'node:assert/strict';
import { it } from 'node:test';
import { systemClock } from '../../../src/core/clock.ts';

it('a timer that Node fires early waits for its instant', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let firedAt: number | undefined;
  const at = systemClock.nowMs() + 20;
  systemClock.setTimer(at, () => {
    firedAt = systemClock.nowMs();
  });
  while (firedAt === undefined) {
    // Time passes for Node's timers alone.
    t.mock.timers.tick(20);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(firedAt >= at, `${at - firedAt} ms early`);
});

it('a timer can be cancelled after it was early', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  // A process that stands still here for 10 ms would make it due.
  let now = 1000;
  t.mock.method(performance, 'now', () => now);
  let hasFired = false;
  const timer = systemClock.setTimer(now + 10, () => {
    hasFired = true;
  });
  t.mock.timers.tick(10);
  timer.cancel();
  now += 20;
  t.mock.timers.tick(20);
  assert.equal(hasFired, false);
});
