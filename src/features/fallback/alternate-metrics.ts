import type { Registry } from '../../ledger/metrics/registry.ts';
import { counterFamily } from '../../ledger/metrics/series.ts';
import type { RequestRecord } from '../../ledger/request-record.ts';

/** Counts good answers by another model than the requested one. It follows the ledger. */
export class AlternateMetrics {
  readonly #answers = counterFamily(
    'pillion_alternate_answers_total',
    'Requests that another model answered instead of the requested one, by reason.',
  );

  /** Registers its family. */
  constructor(registry: Registry) {
    registry.register(this.#answers);
  }

  recordRequest({ outcome, fallback }: RequestRecord): void {
    if (fallback === undefined || outcome !== 'ok') return;
    this.#answers.open({ model: fallback.asked, reason: fallback.reason }).add(1);
  }
}
