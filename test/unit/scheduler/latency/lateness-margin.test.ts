import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../../src/core/repeatable/seeded-random.ts';
import { LatenessMargin } from '../../../../src/scheduler/latency/lateness-margin.ts';

const RUN_MS = 8;
const ROWS = 32;

/** The margin after so many full batches whose forecasts are short by what `shortMs` says; and how many were late. */
function learn(lateShare: number, batches: number, shortMs: () => number): { margin: LatenessMargin; late: number } {
  const margin = new LatenessMargin(lateShare);
  let late = 0;
  for (let i = 0; i < batches; i++) {
    // What is admitted is at the edge: its deadline is the forecast and the margin, and others were refused just before.
    const isLate = shortMs() > margin.forWait(Infinity, RUN_MS);
    if (i >= batches / 2 && isLate) late += 1;
    if (isLate) margin.onLate(ROWS, RUN_MS, ROWS);
    else margin.onFalseRefusal(ROWS, RUN_MS, ROWS);
  }
  return { margin, late: late / (batches / 2) };
}

describe('The margin for errors of forecasts', () => {
  it('is the quantile of the errors that leaves the given share of the mistakes late', () => {
    const random = new SeededRandom(7);
    for (const lateShare of [0.05, 0.5]) {
      for (const scale of [0.2, 1, 2]) {
        const { late } = learn(lateShare, 100_000, () => -scale * Math.log(1 - random.uniform()));
        assert.ok(Math.abs(late - lateShare) < 0.3 * lateShare, `${lateShare}, ${scale}: ${late}`);
      }
    }
  });

  it('is 0 while there are no mistakes, and for a request that does not wait', () => {
    assert.equal(new LatenessMargin(0.5).forWait(100, RUN_MS), 0);
    const { margin } = learn(0.05, 100, () => 5);
    assert.ok(margin.forWait(100, RUN_MS) > 4);
    assert.equal(margin.forWait(0, RUN_MS), 0);
    assert.ok(margin.forWait(RUN_MS, RUN_MS) < margin.forWait(2 * RUN_MS, RUN_MS));
  });

  it('is below 0 where forecasts are too dark: what was refused would have been in time', () => {
    const { margin } = learn(0.5, 100, () => -5);
    assert.ok(margin.forWait(100, RUN_MS) <= -4, `${margin.forWait(100, RUN_MS)}`);
  });

  it('has a bound, whatever happens', () => {
    assert.equal(learn(0.05, 10_000, () => Infinity).margin.forWait(1e6, RUN_MS), 20);
    assert.equal(learn(0.05, 10_000, () => -Infinity).margin.forWait(1e6, RUN_MS), -2 * RUN_MS);
    const short = new LatenessMargin(0.05);
    for (let i = 0; i < 1000; i++) short.onFalseRefusal(1, 1, 1);
    assert.equal(short.forWait(1e6, 1), -2, 'a run of 1 ms ends no 20 ms early');
    const slow = new LatenessMargin(0.05);
    for (let i = 0; i < 100; i++) slow.onLate(1, 300, 1);
    assert.equal(slow.forWait(1e6, 300), 600);
  });
});
