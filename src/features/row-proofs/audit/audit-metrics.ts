/** Counts of audits of shared runs, by what came of them. */
import type { Registry } from '../../../ledger/metrics/registry.ts';
import { counterFamily } from '../../../ledger/metrics/series.ts';

/**
 * `same`: the rows alone were answered alike. `different`: they were not, again and again. `transient`: it was not seen
 * again. `unsteady`: the same row alone is answered in another way each time. `failed`: a run of a row alone failed.
 * `given_up`: the model was never idle.
 */
export type AuditResult = 'same' | 'different' | 'transient' | 'unsteady' | 'failed' | 'given_up';

export class AuditMetrics {
  readonly #audits = counterFamily(
    'pillion_shared_run_audits_total',
    'Shared runs whose rows were asked again alone, by result: same, different, transient, unsteady, failed, given_up.',
  );

  /** Registers its family. */
  constructor(registry: Registry) {
    registry.register(this.#audits);
  }

  add(model: string, version: string, result: AuditResult): void {
    this.#audits.open({ model, version, result }).add(1);
  }
}
