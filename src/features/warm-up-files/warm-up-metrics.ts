/**
 * TensorFlow Serving's metrics of warm-up files, by the directory of the version. Different from there: a status is the
 * name of its code, without the error's text, which would create series without limit.
 */
import { statusName } from '../../core/errors.ts';
import { DirectorySeries } from '../../ledger/metrics/directory-series.ts';
import { counterFamily, histogramFamily } from '../../ledger/metrics/series.ts';
import { MICROS_PER_MS, TF_SERVING, TF_SERVING_LATENCY_BOUNDS } from '../../ledger/metrics/tf-serving-names.ts';
import type { RequestOutcome } from '../../ledger/request-record.ts';

/** The replay of a version's warm-up file. */
export interface WarmUpRecord {
  readonly versionDirectory: string;
  /** Records that were read, including the one that failed. */
  readonly records: number;
  readonly tookMs: number;
  readonly outcome: RequestOutcome;
}

export class WarmUpMetrics {
  readonly #warmUps = histogramFamily(
    `${TF_SERVING}model_warmup_latency`,
    'Time that the replay of a version’s warm-up file took, in µs.',
    TF_SERVING_LATENCY_BOUNDS,
  );
  readonly #records = counterFamily(
    `${TF_SERVING}model_warmup_records_read`,
    'Records of warm-up files that were read.',
  );
  readonly #series = new DirectorySeries([this.#warmUps, this.#records]);
  readonly families = this.#series.families;

  record({ versionDirectory, records, tookMs, outcome }: WarmUpRecord): void {
    this.#series.remember(versionDirectory);
    const labels = { model_path: versionDirectory, status: statusName(outcome) };
    this.#warmUps.open(labels).observe(tookMs * MICROS_PER_MS);
    this.#records.open(labels).add(records);
  }
}
