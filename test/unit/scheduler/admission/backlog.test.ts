import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Backlog, mostWaitingRows } from '../../../../src/scheduler/admission/backlog.ts';
import { simulate, type TrafficClass } from '../../../support/traffic.ts';

const MAX = 8;

describe('A backlog', () => {
  it('has room up to the deadline until it has stood for longer than the request has time', () => {
    const backlog = new Backlog();
    backlog.look(MAX + 1, MAX, 100);
    assert.equal(backlog.isOver(1000, mostWaitingRows(1, MAX), 50, 300), false);
    assert.equal(backlog.isOver(1000, mostWaitingRows(1, MAX), 50, 301), true);
    assert.equal(backlog.isOver(1000, mostWaitingRows(1, MAX), 200, 301), false, 'one with more time may wait');
  });

  it('keeps one and a half batches then', () => {
    const backlog = new Backlog();
    backlog.look(MAX + 1, MAX, 0);
    assert.equal(backlog.isOver(12, mostWaitingRows(1, MAX), 50, 201), false);
    assert.equal(backlog.isOver(13, mostWaitingRows(1, MAX), 50, 201), true);
    assert.equal(backlog.isOver(20, mostWaitingRows(2, MAX), 50, 201), false, 'with two slots one more');
  });

  it('is over as soon as one batch takes all that waits', () => {
    const backlog = new Backlog();
    backlog.look(MAX + 1, MAX, 0);
    backlog.look(MAX, MAX, 60);
    backlog.look(MAX + 1, MAX, 61);
    assert.equal(backlog.isOver(1000, mostWaitingRows(1, MAX), 50, 201), false);
    assert.equal(backlog.isOver(1000, mostWaitingRows(1, MAX), 50, 262), true);
  });
});

describe('In standing overload', () => {
  const runMs = (rows: number): number => 3 + 0.1 * rows;
  const options = { maxBatchSize: 32, maxEnqueuedBatches: 100 };
  const run = (classes: readonly TrafficClass[]) =>
    simulate({ models: [{ classes, runMs, options }], slots: 1, durationMs: 4000 });
  const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

  it('the admitted are answered after about two runs, not at the edge of their deadlines', async () => {
    // Twice what full batches of 6.2 ms do.
    const [one] = (await run([{ perMs: 10.3, deadlineMs: 100 }])).models[0]!;
    assert.ok(one!.good > 0.48 * one!.offered, `${one!.good} of ${one!.offered}`);
    assert.ok(median(one!.latencies) < 20, `${median(one!.latencies)}`);
    assert.ok(one!.good > 0.99 * (one!.offered - one!.refused), `${one!.offered - one!.refused - one!.good} late`);
  });

  it('a burst has the room up to its deadline', async () => {
    const burst: TrafficClass = { perMs: 0.8, deadlineMs: 100, rows: 1 };
    const [one] = (await run([burst, { ...burst, perMs: 0.05, rows: 32 }])).models[0]!;
    assert.equal(one!.good, one!.offered);
  });
});
