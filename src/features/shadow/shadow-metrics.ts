/**
 * Metrics of shadows: how much a second runtime's answers differ from the model's, and how long it takes. Label values
 * are names from configurations and signatures, and closed sets.
 */
import type { Registry } from '../../ledger/metrics/registry.ts';
import { counterFamily, histogramFamily } from '../../ledger/metrics/series.ts';

/** 0 = bit for bit equal; then powers of ten. */
const DIFFERENCE_BUCKETS: readonly number[] = [0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10];
const RATIO_BUCKETS: readonly number[] = [0.1, 0.2, 0.5, 0.8, 1, 1.25, 2, 5, 10, 20, 50, 100];

/** The result of one compared batch. */
export interface ComparedBatch {
  readonly signatureName: string;
  readonly isDifferent: boolean;
  readonly latencyRatio: number | undefined;
  readonly differences: readonly {
    readonly output: string;
    readonly mismatches: number;
    /** Both undefined for outputs that are no floats. */
    readonly absolute: number | undefined;
    readonly relative: number | undefined;
  }[];
}

/** The numbers of one version's shadow. */
export interface ShadowSeries {
  addComparison(batch: ComparedBatch): void;
  addLeftOut(why: 'busy' | 'too_large' | 'failed'): void;
}

export class ShadowMetrics {
  readonly #batches = counterFamily(
    'pillion_shadow_batches_total',
    'Batches sampled for the shadow, by outcome: same, different, or left out: busy, too_large, failed.',
  );
  readonly #ratio = histogramFamily(
    'pillion_shadow_latency_ratio',
    'Length of the shadow’s run of a batch, as a multiple of the model’s own run.',
    RATIO_BUCKETS,
  );
  readonly #absolute = histogramFamily(
    'pillion_shadow_absolute_difference',
    'Largest difference of an element of a float output in one batch.',
    DIFFERENCE_BUCKETS,
  );
  readonly #relative = histogramFamily(
    'pillion_shadow_relative_difference',
    'The same, divided by the larger of the two elements.',
    DIFFERENCE_BUCKETS,
  );
  readonly #mismatches = counterFamily(
    'pillion_shadow_mismatches_total',
    'Elements of outputs that differ; of floats those that differ by more than the tolerance.',
  );

  /** Registers its families. */
  constructor(registry: Registry) {
    registry.register(this.#batches, this.#ratio, this.#absolute, this.#relative, this.#mismatches);
  }

  /** @param runtime the shadow's runtime */
  seriesOf(model: string, version: string, runtime: string): ShadowSeries {
    const labels = { model, version, runtime };
    return {
      addComparison: ({ signatureName: signature, isDifferent, latencyRatio, differences }) => {
        this.#batches.open({ ...labels, outcome: isDifferent ? 'different' : 'same' }).add(1);
        if (latencyRatio !== undefined) this.#ratio.open({ ...labels, signature }).observe(latencyRatio);
        for (const { output, mismatches, absolute, relative } of differences) {
          const of = { ...labels, signature, output };
          this.#mismatches.open(of).add(mismatches);
          if (absolute !== undefined) this.#absolute.open(of).observe(absolute);
          if (relative !== undefined) this.#relative.open(of).observe(relative);
        }
      },
      addLeftOut: (why) => this.#batches.open({ ...labels, outcome: why }).add(1),
    };
  }
}
