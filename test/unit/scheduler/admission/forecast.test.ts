import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Forecast, type ForecastQuestion } from '../../../../src/scheduler/admission/forecast.ts';
import type { LatencyView } from '../../../../src/scheduler/latency/latency-curve.ts';

/** 5 ms and one for each row; nothing varies. */
const latency: LatencyView = {
  isKnown: true,
  meanMs: (rows) => 5 + rows,
  highMs: (rows) => 5 + rows,
  rowsWithin: (budgetMs, most) => Math.min(most, Math.max(0, Math.floor(budgetMs - 5))),
};

const IDLE: ForecastQuestion = {
  ...{ now: 0, uses: [], slots: 1, latency, maxBatchSize: 8 },
  ...{ aheadRows: 0, rows: 1, arrivalRows: 0, othersMs: 0, passingShare: 0, overheadMs: 0, aroundMs: 0 },
};

function forecast(question: Partial<ForecastQuestion>): { start: number; finish: number } {
  const { start, finish } = ask(question);
  return { start, finish };
}

function ask(question: Partial<ForecastQuestion>): Forecast {
  const answer = new Forecast();
  answer.ask({ ...IDLE, ...question });
  return answer;
}

describe('Forecast', () => {
  it('of an idle slot is a run of its own', () => {
    assert.deepEqual(forecast({}), { start: 0, finish: 6 });
  });

  it('gives to those that will pass meanwhile their share of the slots', () => {
    assert.deepEqual(forecast({ uses: [{ expectedEnd: 10 }], passingShare: 0.5 }), { start: 20, finish: 26 });
    assert.deepEqual(forecast({ passingShare: 0.5 }), { start: 0, finish: 6 });
  });

  it('waits for the slot that frees up first, and for full batches ahead on all of them', () => {
    const uses = [{ expectedEnd: 10 }, { expectedEnd: 4 }];
    assert.deepEqual(forecast({ uses, slots: 2 }), { start: 4, finish: 10 });
    // One full batch on the second slot until 17; then the first slot is free at 10.
    assert.deepEqual(forecast({ uses, slots: 2, aheadRows: 8 }), { start: 10, finish: 16 });
  });

  it('is in a batch with the rows ahead of it that fill no batch', () => {
    assert.deepEqual(forecast({ uses: [{ expectedEnd: 10 }], aheadRows: 3 }), { start: 10, finish: 19 });
  });

  it('counts the rows that come while it waits: its batch will be fuller than now, and take longer', () => {
    const waiting = { uses: [{ expectedEnd: 10 }] };
    assert.deepEqual(forecast({ ...waiting, arrivalRows: 0.3 }), { start: 10, finish: 19 });
    assert.deepEqual(forecast({ ...waiting, arrivalRows: 30 }), { start: 10, finish: 23 }, 'at most a full batch');
    assert.deepEqual(forecast({ arrivalRows: 30 }), { start: 0, finish: 6 }, 'what starts now has none');
  });

  it('counts other work before it, spread over the slots, and what passes around a run', () => {
    assert.deepEqual(forecast({ slots: 2, othersMs: 12, overheadMs: 1 }), { start: 6, finish: 13 });
  });
});
