import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlBudget } from '../../../../src/proxy/http2/connection-core.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const spendAll = (budget: ControlBudget): number => {
  let count = 0;
  while (count < 10_000 && budget.spend()) count += 1;
  return count;
};

test('allows a burst, then so many per second', () => {
  const clock = new FakeClock();
  const budget = new ControlBudget(100, 10, () => clock.nowMs());
  assert.equal(spendAll(budget), 100);
  clock.advance(99);
  assert.equal(spendAll(budget), 0);
  clock.advance(1000);
  assert.equal(spendAll(budget), 10);
});

test('time earns no more than a burst', () => {
  const clock = new FakeClock();
  const budget = new ControlBudget(100, 10, () => clock.nowMs());
  spendAll(budget);
  clock.advance(3_600_000);
  assert.equal(spendAll(budget), 100);
});

test('finished requests earn tokens, up to a burst', () => {
  const budget = new ControlBudget(100, 0, () => 0);
  spendAll(budget);
  budget.earn(7);
  assert.equal(spendAll(budget), 7);
  budget.earn(1000);
  assert.equal(spendAll(budget), 100);
});
