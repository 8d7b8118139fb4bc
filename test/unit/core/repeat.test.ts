import assert from 'node:assert/strict';
import { test } from 'node:test';
import { repeat } from '../../../src/core/clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';

test('repeat ticks after each interval until it is cancelled, also by its own tick', () => {
  const clock = new FakeClock();
  let ticks = 0;
  const timer = repeat(clock, 10, () => {
    ticks += 1;
    if (ticks === 3) timer.cancel();
  });
  clock.advance(9);
  assert.equal(ticks, 0);
  clock.advance(11);
  assert.equal(ticks, 2);
  clock.advance(100);
  assert.equal(ticks, 3);
  assert.equal(clock.armed, 0);
});
