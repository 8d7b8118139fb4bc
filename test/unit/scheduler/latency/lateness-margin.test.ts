import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../../src/core/repeatable/seeded-random.ts';
import { LatenessMargin } from '../../../../src/scheduler/latency/lateness-margin.ts';
import { LATE_SHARE } from '../../../../src/scheduler/tuning.ts';

const RUN_MS = 8;
const ROWS = 32;

/** The margin after so many full batches whose forecasts are short by what `shortMs` says; and how many were late. */
function learn(batches: number, shortMs: () => number): { margin: LatenessMargin; lateShare: number } {
  const margin = new LatenessMargin();
  let late = 0;
  for (let i = 0; i < batches; i++) {
    // What is admitted is at the edge: its deadline is the forecast and the margin.
    const isLate = shortMs() > margin.forWait(Infinity, RUN_MS);
    if (i >= batches / 2 && isLate) late += 1;
    margin.onEnd(isLate ? ROWS : 0, isLate ? 0 : ROWS, RUN_MS, ROWS);
  }
  return { margin, lateShare: late / (batches / 2) };
}

describe('The margin for errors of forecasts', () => {
  it('is the quantile of the errors that leaves LATE_SHARE of the admitted late', () => {
    const random = new SeededRandom(7);
    for (const scale of [0.2, 1, 2]) {
      const { lateShare } = learn(100_000, () => -scale * Math.log(1 - random.uniform()));
      assert.ok(Math.abs(lateShare - LATE_SHARE) < 0.3 * LATE_SHARE, `${scale}: ${lateShare}`);
    }
  });

  it('is 0 while nothing is late, and for a request that does not wait', () => {
    assert.equal(learn(100, () => -1).margin.forWait(100, RUN_MS), 0);
    const { margin } = learn(100, () => 5);
    assert.ok(margin.forWait(100, RUN_MS) > 4);
    assert.equal(margin.forWait(0, RUN_MS), 0);
    assert.ok(margin.forWait(RUN_MS, RUN_MS) < margin.forWait(2 * RUN_MS, RUN_MS));
  });

  it('has a bound, whatever happens', () => {
    const { margin } = learn(10_000, () => Infinity);
    assert.equal(margin.forWait(1e6, RUN_MS), 20);
    const slow = new LatenessMargin();
    for (let i = 0; i < 100; i++) slow.onEnd(1, 0, 300, 1);
    assert.equal(slow.forWait(1e6, 300), 600);
  });
});
