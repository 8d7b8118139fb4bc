/** pillion_recorded_requests_total{model,outcome} counts the requests of live recordings. Outcomes are a closed set. */
import type { Registry } from '../../ledger/metrics/registry.ts';
import type { CounterSeries, Family } from '../../ledger/metrics/series.ts';

/** One model's counters: `written` was sent to the reader of a recording, for `dropped` the queue was full. */
export interface RecordCounts {
  add(outcome: 'written' | 'dropped', records: number): void;
}

export class RecordCounters {
  readonly #recordings: Family<CounterSeries>;

  constructor(registry: Registry) {
    const help = 'Requests chosen for a live recording, by what became of them.';
    this.#recordings = registry.counter('pillion_recorded_requests_total', help);
  }

  recordingOf(model: string): RecordCounts {
    return { add: (outcome, records) => this.#recordings.open({ model, outcome }).add(records) };
  }
}
