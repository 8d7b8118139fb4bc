/**
 * pillion_request_log_total{model,outcome} counts the requests that were sampled for a request log. TensorFlow Serving's
 * request_log_count has the same numbers by its own labels. Outcomes are a closed set.
 */
import type { Registry } from '../../ledger/metrics/registry.ts';
import type { CounterSeries, Family, MetricSnapshot } from '../../ledger/metrics/series.ts';
import { TF_SERVING } from '../../ledger/metrics/tf-serving-names.ts';

/**
 * - `written`: is in a file;
 * - `dropped`: the queue was full;
 * - `failed`: the disk refused it.
 */
type LogOutcome = 'written' | 'dropped' | 'failed';

/** One model's counters. */
export interface RequestLogCounts {
  add(outcome: LogOutcome, records: number): void;
}

export class RequestLogCounters {
  readonly family: Family<CounterSeries>;

  constructor(registry: Registry) {
    const help = 'Requests chosen for the model’s request log, by what became of them.';
    this.family = registry.counter('pillion_request_log_total', help);
  }

  of(model: string): RequestLogCounts {
    return { add: (outcome, records) => this.family.open({ model, outcome }).add(records) };
  }
}

/** Status codes of request_log_count, by `outcome` of our own counter. */
const LOG_STATUS_CODES: Readonly<Record<string, string>> = {
  written: 'OK',
  dropped: 'RESOURCE_EXHAUSTED',
  failed: 'UNAVAILABLE',
};

/** Prints `counted` (by `model` and `outcome`) as TensorFlow Serving's request_log_count. */
export class TfServingRequestLogs {
  readonly name = `${TF_SERVING}request_log_count`;
  readonly #counted: Family<CounterSeries>;

  constructor(counted: Family<CounterSeries>) {
    this.#counted = counted;
  }

  async get(): Promise<MetricSnapshot> {
    const { values: counts } = await this.#counted.get();
    const values = counts.map(({ labels: { model, outcome }, value }) => {
      const labels = { model_name: model!, status_code: LOG_STATUS_CODES[outcome!] ?? 'UNKNOWN' };
      return { metricName: this.name, labels, value };
    });
    const help = 'Requests that were chosen for a request log, by the name of their status.';
    return { name: this.name, help, type: 'counter', values };
  }
}
