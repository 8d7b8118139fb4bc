import type { Registry } from '../../ledger/metrics/registry.ts';
import type { CounterSeries, Family } from '../../ledger/metrics/series.ts';
import type { RequestRecord } from '../../ledger/request-record.ts';

/** Counts good answers by another model than the requested one. It follows the ledger. */
export class AlternateMetrics {
  readonly #answers: Family<CounterSeries>;

  /** Registers its family. */
  constructor(registry: Registry) {
    const help = 'Requests that another model answered instead of the requested one, by reason.';
    this.#answers = registry.counter('pillion_alternate_answers_total', help);
  }

  recordRequest({ outcome, fallback }: RequestRecord): void {
    if (fallback === undefined || outcome !== 'ok') return;
    this.#answers.open({ model: fallback.asked, reason: fallback.reason }).add(1);
  }
}
