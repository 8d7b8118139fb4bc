import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import {
  ARRIVAL_OUTCOMES,
  ArrivalRing,
  type ArrivalsView,
} from '../../../src/features/flight-recorder/arrival-ring.ts';
import type { RequestRecord } from '../../../src/ledger/request-record.ts';
import { StageClock } from '../../../src/ledger/stage-clock.ts';
import { requestRecord } from '../../support/telemetry-records.ts';

/** A request that came at an instant and took so long. */
function request(at: number, tookMs: number, changes: Partial<RequestRecord> = {}): RequestRecord {
  const stages = new StageClock(at);
  stages.finish(at + tookMs);
  return requestRecord({ stages, deadline: at + 50, ...changes });
}

function failed(kind: RequestRecord['outcome'], reason?: string): Partial<RequestRecord> {
  const error = new ServingError(kind as 'overloaded', 'no', { attributes: reason === undefined ? {} : { reason } });
  return { outcome: kind, error };
}

const outcomes = ({ outcome }: ArrivalsView): readonly string[] => [...outcome].map((i) => ARRIVAL_OUTCOMES[i]!);
const times = ({ atMicros }: ArrivalsView): readonly number[] => [...atMicros].map((micros) => micros / 1000);

describe('the ring of arrivals', () => {
  it('is empty at first, and without places', () => {
    const none = new ArrivalRing(0);
    none.recordRequest(request(10, 1));
    for (const ring of [new ArrivalRing(8), none]) {
      const view = ring.view(60_000, 100_000);
      assert.deepEqual([view.rows.length, view.dropped, view.from, view.to], [0, 0, 40_000, 100_000]);
      assert.deepEqual(view.signatures, []);
    }
  });

  it('lists in the order of arrival what ended in another, with the time since the span’s begin', () => {
    const ring = new ArrivalRing(8);
    ring.recordRequest(request(20, 1, { rows: 3 }));
    ring.recordRequest(request(10, 30, { rows: 1, hasOwnDeadline: false }));
    ring.recordRequest(request(10.5, 31.25, { rows: 2, version: '4', deadline: Infinity }));
    const view = ring.view(100, 105);
    assert.deepEqual([view.from, view.to, view.dropped], [5, 105, 0]);
    assert.deepEqual(times(view), [5, 5.5, 15]);
    assert.deepEqual([...view.rows], [1, 2, 3]);
    assert.deepEqual([...view.tookMs], [30, 31.25, 1]);
    assert.deepEqual([...view.budgetMs], [Infinity, Infinity, 50], 'the server’s own cap is no deadline');
    const model = 'digits';
    const signature = 'serving_default';
    assert.deepEqual(view.signatures, [
      { model, version: '3', signature },
      { model, version: '4', signature },
    ]);
    assert.deepEqual([...view.signature], [0, 1, 0]);
  });

  it('shows no more than the span that is asked for, and five minutes at most', () => {
    const ring = new ArrivalRing(8);
    for (const at of [1000, 200_000, 400_000]) ring.recordRequest(request(at, 1));
    assert.equal(ring.view(1000, 400_500).rows.length, 1);
    assert.equal(ring.view(1e9, 400_500).rows.length, 2);
    assert.equal(ring.view(1e9, 400_500).from, 100_500);
  });

  it('drops what ended first, and says from when on it is complete and what is missing', () => {
    const ring = new ArrivalRing(4);
    for (let i = 0; i < 10; i++) ring.recordRequest(request(10_000 + i * 1000, 100));
    const view = ring.view(60_000, 20_000);
    assert.equal(view.from, 16_100, 'the end of the oldest that it has');
    assert.deepEqual(times(view), [900, 1900, 2900]);
    assert.equal(view.dropped, 7);
    // The last three seconds are complete.
    assert.deepEqual([ring.view(3000, 20_000).dropped, ring.view(3000, 20_000).from], [0, 17_000]);
  });

  it('says how each ended', () => {
    const ring = new ArrivalRing(16);
    const cases: readonly (readonly [string, RequestRecord])[] = [
      ['answered', request(1, 49)],
      ['late', request(2, 51)],
      ['refused', request(3, 1, failed('overloaded', 'predicted_late'))],
      ['refused', request(4, 1, failed('draining'))],
      ['refused', request(5, 1, failed('deadline_exceeded', 'deadline_too_short'))],
      ['late', request(6, 50, failed('deadline_exceeded', 'expired'))],
      ['late', request(7, 50, failed('deadline_exceeded'))],
      ['failed', request(8, 1, failed('invalid_request'))],
      ['failed', request(9, 1, failed('internal'))],
      ['cancelled', request(10, 1, failed('cancelled'))],
    ];
    for (const [, record] of cases) ring.recordRequest(record);
    assert.deepEqual(
      outcomes(ring.view(1000, 1000)),
      cases.map(([outcome]) => outcome),
    );
  });

  it('leaves out requests that named no served model', () => {
    const ring = new ArrivalRing(4);
    ring.recordRequest(request(1, 1, { model: '', version: '' }));
    assert.equal(ring.view(1000, 100).rows.length, 0);
  });

  it('is bounded in signatures, too: it begins anew when there were too many', () => {
    const ring = new ArrivalRing(8192);
    for (let i = 0; i < 5000; i++) ring.recordRequest(request(100 + i / 100, 1, { version: String(i) }));
    const view = ring.view(1000, 1000);
    assert.equal(view.signatures.length, 5000 - 4096);
    assert.equal(view.rows.length, 5000 - 4096);
    assert.equal(view.signatures[view.signature.at(-1)!]!.version, '4999');
  });
});
