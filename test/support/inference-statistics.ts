/** The statistics extension's totals, by themselves. */
import type { Clock } from '../../src/core/clock.ts';
import { InferenceStatistics } from '../../src/telemetry/metrics/inference-statistics.ts';
import { Metrics } from '../../src/telemetry/metrics/metrics.ts';
import type { BatchRecord, RequestRecord } from '../../src/telemetry/request-record.ts';

export class TestStatistics extends InferenceStatistics {
  readonly #metrics: Metrics;

  constructor(clock: Clock) {
    const metrics = new Metrics({ clock, processMetrics: false });
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
