/** :tensorflow:serving:request_log_count, made of what the request logs count under our own name. */
import type { CounterSeries, Family, MetricSnapshot } from './series.ts';
import { type PrintedFamily, SERVING } from './tf-serving-names.ts';

/** By `outcome` of the counter: the queue was full, or the disk did not take it. */
const STATUS_CODES: Readonly<Record<string, string>> = {
  written: 'OK',
  dropped: 'RESOURCE_EXHAUSTED',
  failed: 'UNAVAILABLE',
};

export class TfServingRequestLogs implements PrintedFamily {
  readonly name = `${SERVING}request_log_count`;
  #counted: Family<CounterSeries> | undefined;

  /** Series of labels `model` and `outcome`. */
  observe(counted: Family<CounterSeries>): void {
    this.#counted = counted;
  }

  async get(): Promise<MetricSnapshot> {
    const snapshot = await this.#counted?.get();
    const values = (snapshot?.values ?? []).map(({ labels: { model, outcome }, value }) => {
      const labels = { model_name: model!, status_code: STATUS_CODES[outcome!] ?? 'UNKNOWN' };
      return { metricName: this.name, labels, value };
    });
    const help = 'Requests that were chosen for a request log, by the name of their status.';
    return { name: this.name, help, type: 'counter', values };
  }
}
