import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RerunBudget } from '../../../../src/scheduler/batch/isolator.ts';

it('a rerun budget lasts for 100 ms of runs again, whatever ran before', () => {
  const budget = new RerunBudget();
  budget.onRun(1_000_000);
  budget.onRerun(99);
  assert.equal(budget.isSpent(undefined), false);
  budget.onRerun(1);
  assert.equal(budget.isSpent(undefined), true);
});

it('a rerun budget lasts for twenty runs of a slow model', () => {
  const budget = new RerunBudget();
  for (let i = 0; i < 19; i++) budget.onRerun(500);
  assert.equal(budget.isSpent(500), false);
  budget.onRerun(500);
  assert.equal(budget.isSpent(500), true);
});

it('a rerun budget grows by a tenth of what is answered, up to where it began', () => {
  const budget = new RerunBudget();
  budget.onRerun(150);
  budget.onRun(500);
  assert.equal(budget.isSpent(undefined), true);
  budget.onRun(1);
  assert.equal(budget.isSpent(undefined), false);
  budget.onRun(100_000);
  budget.onRerun(99);
  assert.equal(budget.isSpent(undefined), false);
});
