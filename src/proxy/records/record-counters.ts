/**
 * pillion_request_log_total{model,outcome} counts the requests that were sampled for a request log, and
 * pillion_recorded_requests_total{model,outcome} those of live recordings. Outcomes are a closed set.
 */
import type { Registry } from '../../ledger/metrics/registry.ts';
import { type CounterSeries, counterFamily, type Family } from '../../ledger/metrics/series.ts';

/**
 * - `written`: is in a file, or was sent to the reader of a recording;
 * - `dropped`: the queue was full;
 * - `failed`: the disk refused it.
 */
type RecordOutcome = 'written' | 'dropped' | 'failed';

/** One model's counters of one of the two metrics. */
export interface RecordCounts {
  add(outcome: RecordOutcome, records: number): void;
}

export class RecordCounters {
  readonly logs = counterFamily(
    'pillion_request_log_total',
    'Requests chosen for the model’s request log, by what became of them.',
  );
  readonly #recordings = counterFamily(
    'pillion_recorded_requests_total',
    'Requests chosen for a live recording, by what became of them.',
  );

  constructor(registry: Registry) {
    registry.register(this.logs);
    registry.register(this.#recordings);
  }

  logOf(model: string): RecordCounts {
    return this.#countsOf(this.logs, model);
  }

  recordingOf(model: string): RecordCounts {
    return this.#countsOf(this.#recordings, model);
  }

  #countsOf(family: Family<CounterSeries>, model: string): RecordCounts {
    return { add: (outcome, records) => family.open({ model, outcome }).add(records) };
  }
}
