import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RetryBudget } from '../../../../src/backends/remote/remote-channel.ts';

it('retries are a tenth of the calls, after a burst of at most ten', () => {
  const budget = new RetryBudget();
  let spent = 0;
  while (budget.spend()) spent += 1;
  assert.equal(spent, 10);
  for (let i = 0; i < 105; i++) {
    budget.earn();
    if (budget.spend()) spent += 1;
  }
  assert.equal(spent, 20);
});
