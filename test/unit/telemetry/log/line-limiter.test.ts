import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LineLimiter } from '../../../../src/telemetry/log/line-limiter.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function limiter() {
  const clock = new FakeClock();
  const told: [string, number][] = [];
  const limit = new LineLimiter({
    clock,
    windowMs: 1000,
    linesPerWindow: 2,
    onSuppressed: (key, lines) => told.push([key, lines]),
  });
  const allowed = (key: string, times: number) => Array.from({ length: times }, () => limit.allow(key));
  return { clock, told, limit, allowed };
}

it('the first lines of a window are written, the rest is counted and told when it ends', () => {
  const { clock, told, allowed } = limiter();
  assert.deepEqual(allowed('a', 5), [true, true, false, false, false]);
  clock.advance(999);
  assert.deepEqual(told, []);
  clock.advance(1);
  assert.deepEqual(told, [['a', 3]]);
  assert.deepEqual(allowed('a', 1), [true]);
});

it('kinds do not count against each other', () => {
  const { allowed } = limiter();
  allowed('a', 9);
  assert.deepEqual(allowed('b', 1), [true]);
});

it('nothing is told and no timer stands where nothing was held back', () => {
  const { clock, told, allowed } = limiter();
  allowed('a', 2);
  assert.equal(clock.armed, 0);
  clock.advance(5000);
  assert.deepEqual(told, []);
});

it('what was held back is told before the next window opens, even where the timer is late', () => {
  const told: [string, number][] = [];
  let now = 0;
  const limit = new LineLimiter({
    // A busy event loop: time goes on and no timer fires.
    clock: { nowMs: () => now, wallMs: () => now, setTimer: () => ({ cancel: () => undefined }) },
    windowMs: 1000,
    linesPerWindow: 1,
    onSuppressed: (key, lines) => told.push([key, lines]),
  });
  assert.deepEqual([limit.allow('a'), limit.allow('a')], [true, false]);
  now = 1500;
  assert.equal(limit.allow('a'), true);
  assert.deepEqual(told, [['a', 1]]);
});

it('closing tells what was held back, once, and leaves no timer', () => {
  const { clock, told, limit, allowed } = limiter();
  allowed('a', 4);
  limit.close();
  limit.close();
  assert.deepEqual(told, [['a', 2]]);
  assert.equal(clock.armed, 0);
});
