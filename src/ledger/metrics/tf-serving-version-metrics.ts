/**
 * TensorFlow Serving's metrics of loading versions, by the directory of the version. Different from there: a load's
 * latency is that of the whole load, warm-up included; a status is the name of its code, without the error's text,
 * which would create series without limit.
 *
 * They outlive their version, as they are often the only metrics of a failed load. Beyond MAX_PATHS directories, the
 * oldest is forgotten.
 */
import type { RequestOutcome } from '../request-record.ts';
import { type CounterSeries, counterFamily, type Family, type HistogramSeries, histogramFamily } from './series.ts';
import { LATENCY_BOUNDS, MICROS_PER_MS, SERVING, statusName } from './tf-serving-names.ts';

/** Most directories that are remembered. */
export const MAX_PATHS = 256;

const SAVED_MODEL = ':tensorflow:cc:saved_model:';

/** The replay of a version's warm-up file. */
export interface WarmUpRecord {
  readonly versionDirectory: string;
  /** Records that were read, including the one that failed. */
  readonly records: number;
  readonly tookMs: number;
  readonly outcome: RequestOutcome;
}

export class TfServingVersionMetrics {
  readonly #attempts = counterFamily(`${SAVED_MODEL}load_attempt_count`, 'Attempts to load a version, by their end.');
  readonly #loading = counterFamily(`${SAVED_MODEL}load_latency`, 'Time that loads took that went well, in µs.');
  readonly #warmUps = histogramFamily(
    `${SERVING}model_warmup_latency`,
    'Time that the replay of a version’s warm-up file took, in µs.',
    LATENCY_BOUNDS,
  );
  readonly #records = counterFamily(`${SERVING}model_warmup_records_read`, 'Records of warm-up files that were read.');
  readonly families: readonly (Family<CounterSeries> | Family<HistogramSeries>)[] = [
    this.#attempts,
    this.#loading,
    this.#warmUps,
    this.#records,
  ];
  /** Oldest first. */
  readonly #paths = new Set<string>();

  /** An attempt has ended. */
  recordLoad(versionDirectory: string, tookMs: number, status: 'success' | 'fail'): void {
    const path = this.#remember(versionDirectory);
    this.#attempts.open({ model_path: path, status }).add(1);
    if (status === 'fail') return;
    this.#loading.open({ model_path: path }).add(Math.round(tookMs * MICROS_PER_MS));
  }

  recordWarmUp({ versionDirectory, records, tookMs, outcome }: WarmUpRecord): void {
    const labels = { model_path: this.#remember(versionDirectory), status: statusName(outcome) };
    this.#warmUps.open(labels).observe(tookMs * MICROS_PER_MS);
    this.#records.open(labels).add(records);
  }

  #remember(path: string): string {
    this.#paths.add(path);
    if (this.#paths.size <= MAX_PATHS) return path;
    const [oldest] = this.#paths;
    this.#paths.delete(oldest!);
    for (const family of this.families) family.removeWhere((labels) => labels['model_path'] === oldest);
    return path;
  }
}
