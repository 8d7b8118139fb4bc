import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LineLimiter } from '../../../../src/ledger/log/line-limiter.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function limiter() {
  const clock = new FakeClock();
  const reports: [string, number][] = [];
  const limit = new LineLimiter({
    clock,
    windowMs: 1000,
    linesPerWindow: 2,
    onSuppressed: (key, lines) => reports.push([key, lines]),
  });
  const allowed = (key: string, times: number) => Array.from({ length: times }, () => limit.allow(key));
  return { clock, reports, limit, allowed };
}

it('the first lines of a window are written, the rest is counted and reported when it ends', () => {
  const { clock, reports, allowed } = limiter();
  assert.deepEqual(allowed('a', 5), [true, true, false, false, false]);
  clock.advance(999);
  assert.deepEqual(reports, []);
  clock.advance(1);
  assert.deepEqual(reports, [['a', 3]]);
  assert.deepEqual(allowed('a', 1), [true]);
});

it('kinds do not count against each other', () => {
  const { allowed } = limiter();
  allowed('a', 9);
  assert.deepEqual(allowed('b', 1), [true]);
});

it('nothing is reported and no timer is armed where no line was suppressed', () => {
  const { clock, reports, allowed } = limiter();
  allowed('a', 2);
  assert.equal(clock.armed, 0);
  clock.advance(5000);
  assert.deepEqual(reports, []);
});

it('suppressed lines are reported before the next window opens, even where the timer is late', () => {
  const reports: [string, number][] = [];
  let now = 0;
  const limit = new LineLimiter({
    // A busy event loop: time goes on and no timer fires.
    clock: { nowMs: () => now, wallMs: () => now, setTimer: () => ({ cancel: () => undefined }) },
    windowMs: 1000,
    linesPerWindow: 1,
    onSuppressed: (key, lines) => reports.push([key, lines]),
  });
  assert.deepEqual([limit.allow('a'), limit.allow('a')], [true, false]);
  now = 1500;
  assert.equal(limit.allow('a'), true);
  assert.deepEqual(reports, [['a', 1]]);
});

it('closing tells what was held back, once, and leaves no timer', () => {
  const { clock, reports, limit, allowed } = limiter();
  allowed('a', 4);
  limit.close();
  limit.close();
  assert.deepEqual(reports, [['a', 2]]);
  assert.equal(clock.armed, 0);
});
