import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { RecentWork } from '../../../src/features/explain/recent-work.ts';
import type { RequestRecord } from '../../../src/ledger/request-record.ts';
import { STAGE_ADMIT, STAGE_BATCH, STAGE_QUEUE, StageClock } from '../../../src/ledger/stage-clock.ts';
import { emptyTotals } from '../../support/columns.ts';
import { batchRecord, requestRecord } from '../../support/telemetry-records.ts';

/** Came, waited 5 ms in the queue, and ended after 20 ms; its budget is 50 ms. */
function request(at: number, changes: Partial<RequestRecord> = {}, tookMs = 20): RequestRecord {
  const stages = new StageClock(at);
  stages.enter(STAGE_QUEUE, at + 1);
  stages.enter(STAGE_BATCH, at + 6);
  stages.finish(at + tookMs);
  return requestRecord({ stages, deadline: at + 50, rows: 2, ...changes });
}

function refused(at: number, reason: string, changes: Partial<RequestRecord> = {}): RequestRecord {
  const stages = new StageClock(at);
  stages.enter(STAGE_ADMIT, at);
  stages.finish(at + 0.1);
  const error = new ServingError('overloaded', 'no', { attributes: { reason } });
  return requestRecord({ stages, deadline: at + 50, rows: 2, outcome: 'overloaded', error, ...changes });
}

const batch = (at: number, runMs: number, changes = {}) =>
  batchRecord({ rows: 4, batchStart: at, executeStart: at, splitStart: at + runMs, end: at + runMs, ...changes });

describe('the recent work of a version', () => {
  it('is unknown before the first request, and after a rest', () => {
    const recent = new RecentWork(emptyTotals(), () => ({ idle: 0, active: 0 }));
    assert.equal(recent.view(1000), undefined);
    recent.recordRequest(request(1000));
    assert.equal(recent.view(2000)!.versionOf('digits', '3')!.requests, 1);
    assert.equal(recent.view(2000)!.versionOf('digits', '4'), undefined);
    assert.equal(recent.view(22_000), undefined);
  });

  it('counts requests, refusals by reason, late ones, runs and the budget', () => {
    const totals = emptyTotals();
    const recent = new RecentWork(totals, () => ({ idle: 0, active: 0 }));
    recent.recordRequest(request(1000));
    recent.recordRequest(request(1100, {}, 60));
    recent.recordRequest(refused(1200, 'predicted_late'));
    recent.recordRequest(refused(1200, 'predicted_late'));
    recent.recordRequest(refused(1200, 'queue_full', { hasOwnDeadline: false }));
    recent.recordRequest(refused(1300, 'unread', { model: '', version: '' }));
    totals.recordBatch(batch(1000, 15, { reason: 'full' }));
    totals.recordBatch(batch(1100, 30, { signatureName: 'other', threads: 2 }));
    const view = recent.view(3000)!;
    assert.equal(view.spanMs, 2000);
    const { signature, ...counts } = view.versionOf('digits', '3')!;
    assert.equal(signature, 'other', 'its runs took most');
    assert.deepEqual(counts, {
      requests: 5,
      rows: 10,
      answered: 1,
      answeredRows: 2,
      late: 1,
      refusals: { predicted_late: 2, queue_full: 1 },
      queueMs: 5,
      budgetMs: 50,
      batches: 2,
      batchRows: 8,
      fullBatches: 1,
      runMs: 45,
      coreMs: 75,
    });
    assert.deepEqual(view.versionOf('', '')!.refusals, { unread: 1 });
  });

  it('covers 10 to 20 s, and begins anew after a rest', () => {
    const recent = new RecentWork(emptyTotals(), () => ({ idle: 0, active: 0 }));
    for (let at = 0; at < 60_000; at += 100) {
      recent.recordRequest(request(at));
      const view = recent.view(at + 20)!;
      const { requests } = view.versionOf('digits', '3')!;
      assert.ok(view.spanMs <= 20_000 && (at < 15_000 || view.spanMs >= 10_000), String(view.spanMs));
      assert.ok(Math.abs(requests - view.spanMs / 100) <= 11, `${requests} in ${view.spanMs} ms`);
    }
    recent.recordRequest(request(100_000));
    const view = recent.view(102_000)!;
    assert.deepEqual([view.spanMs, view.versionOf('digits', '3')!.requests], [2000, 1]);
  });

  it('says how busy the event loop was in the same time', () => {
    const loop = { idle: 5000, active: 5000 };
    const recent = new RecentWork(emptyTotals(), () => ({ ...loop }));
    recent.recordRequest(request(10_000));
    loop.active += 900;
    loop.idle += 100;
    assert.equal(recent.view(11_000)!.loopShare, 0.9);
  });

  it('has the errors of forecasts and the share of the admitted that were late', () => {
    const recent = new RecentWork(emptyTotals(), () => ({ idle: 0, active: 0 }));
    assert.equal(recent.forecastsOf('digits', '3', 0), undefined);
    for (let i = 0; i < 100; i++) {
      const at = 1000 + i;
      recent.recordRequest(request(at, { expectedEnd: i < 90 ? at + 30 : at + 10 }));
    }
    recent.recordRequest(request(1200, { outcome: 'deadline_exceeded' }, 50));
    recent.recordRequest(request(1200, {}, 60));
    // Neither was admitted with a deadline of its client.
    recent.recordRequest(refused(1200, 'predicted_late', { expectedEnd: 1300 }));
    recent.recordRequest(request(1200, { hasOwnDeadline: false }, 60));
    const found = recent.forecastsOf('digits', '3', 2000)!;
    assert.deepEqual([found.admitted, found.lateShare, found.forecasts], [102, 2 / 102, 100]);
    const [p50, p90, p99] = found.errorMs;
    assert.ok(Math.abs(p50! + 10) < 1 && Math.abs(p90! + 10) < 1 && Math.abs(p99! - 10) < 1, found.errorMs.join());
    assert.equal(recent.forecastsOf('digits', '3', 200_000), undefined, 'of long ago');
    recent.forgetVersion('digits', '3');
    assert.equal(recent.forecastsOf('digits', '3', 2000), undefined);
  });
});
