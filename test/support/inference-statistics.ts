/** The statistics extension's totals, by themselves. */
import type { Clock } from '../../src/core/clock.ts';
import { InferenceStatistics } from '../../src/ledger/metrics/inference-statistics.ts';
import type { BatchRecord, RequestRecord } from '../../src/ledger/request-record.ts';
import { TestMetrics } from './columns.ts';

export class TestStatistics extends InferenceStatistics {
  readonly #metrics: TestMetrics;

  constructor(clock: Clock) {
    const metrics = new TestMetrics({ clock, processMetrics: false });
    super(metrics.totals, clock);
    this.#metrics = metrics;
  }

  recordRequest(record: RequestRecord): void {
    this.#metrics.recordRequest(record);
  }

  recordBatch(record: BatchRecord): void {
    this.#metrics.recordBatch(record);
  }

  forgetVersion(model: string, version: string): void {
    this.#metrics.forgetVersion(model, version);
  }
}
