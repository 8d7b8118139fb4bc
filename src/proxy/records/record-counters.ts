/**
 * pillion_request_log_total{model,outcome}: what became of the requests that were chosen for a request log, and
 * pillion_recorded_requests_total{model,outcome}: the same of live recordings. Outcomes are a closed set.
 */
import type { Registry } from 'prom-client';
import { asMetric, type CounterSeries, counterFamily, type Family } from '../../telemetry/metrics/series.ts';

/**
 * - `written`: is in a file, or was sent to who records;
 * - `dropped`: the queue was full, and the request was not waited for;
 * - `failed`: the disk did not take it.
 */
export type RecordOutcome = 'written' | 'dropped' | 'failed';

/** One model's counters of one kind. */
export interface RecordCounts {
  add(outcome: RecordOutcome, records: number): void;
}

export class RecordCounters {
  /** Labels `model` and `outcome`. */
  readonly logs = counterFamily(
    'pillion_request_log_total',
    'Requests chosen for the model’s request log, by what became of them.',
  );
  readonly #recordings = counterFamily(
    'pillion_recorded_requests_total',
    'Requests chosen for a live recording, by what became of them.',
  );
  readonly #series = new Map<string, CounterSeries>();

  constructor(registry: Registry) {
    registry.registerMetric(asMetric(this.logs));
    registry.registerMetric(asMetric(this.#recordings));
  }

  logOf(model: string): RecordCounts {
    return this.#countsOf(this.logs, model);
  }

  recordingOf(model: string): RecordCounts {
    return this.#countsOf(this.#recordings, model);
  }

  #countsOf(family: Family<CounterSeries>, model: string): RecordCounts {
    return {
      add: (outcome, records) => {
        const key = `${family.name} ${outcome} ${model}`;
        let series = this.#series.get(key);
        if (series === undefined) {
          series = family.open({ model, outcome });
          this.#series.set(key, series);
        }
        series.add(records);
      },
    };
  }
}
