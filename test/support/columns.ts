/** Metrics that take single requests, as the ledger would give them. */
import { Metrics } from '../../src/ledger/metrics/metrics.ts';
import type { Totals } from '../../src/ledger/metrics/totals.ts';
import { RequestRing } from '../../src/ledger/recorder/request-ring.ts';
import type { KeepReason, RequestRecord } from '../../src/ledger/request-record.ts';
import { FakeClock } from './fake-clock.ts';

/** A ring with one request. */
export function ringOf(record: RequestRecord): RequestRing {
  const ring = new RequestRing(1);
  ring.add(record, undefined);
  return ring;
}

export class TestMetrics extends Metrics {
  override recordRequest(record: RequestRecord, kept?: KeepReason, traceId?: string): void {
    this.totals.recordColumns(ringOf(record), 0, 1);
    super.recordRequest(record, kept, traceId);
  }
}

/** Totals that nobody has counted anything in yet. */
export function emptyTotals(): Totals {
  return new Metrics({ clock: new FakeClock() }).totals;
}
