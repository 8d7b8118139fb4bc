/**
 * TensorFlow Serving's metrics of loading versions, by the directory of the version. Different from there: a load's
 * latency is that of the whole load, warm-up included.
 */
import type { LoadAttempt } from '../../kernel/model-seams.ts';
import { DirectorySeries } from '../../ledger/metrics/directory-series.ts';
import { counterFamily } from '../../ledger/metrics/series.ts';
import { MICROS_PER_MS } from '../../ledger/metrics/tf-serving-names.ts';

const SAVED_MODEL = ':tensorflow:cc:saved_model:';

export class LoadMetrics {
  readonly #attempts = counterFamily(`${SAVED_MODEL}load_attempt_count`, 'Attempts to load a version, by their end.');
  readonly #loading = counterFamily(`${SAVED_MODEL}load_latency`, 'Time that loads took that went well, in µs.');
  readonly #series = new DirectorySeries([this.#attempts, this.#loading]);
  readonly families = this.#series.families;

  /** An attempt has ended. */
  record({ directory, tookMs, status }: LoadAttempt): void {
    this.#series.remember(directory);
    this.#attempts.open({ model_path: directory, status }).add(1);
    if (status === 'success') this.#loading.open({ model_path: directory }).add(Math.round(tookMs * MICROS_PER_MS));
  }
}
