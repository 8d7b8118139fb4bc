/**
 * Metrics under Triton's names, so that dashboards and autoscalers made for it keep working. They are the totals of the
 * statistics extension (inference-statistics.ts), by model and version, and stand on the same page as TensorFlow
 * Serving's names.
 *
 * The same as there: times are sums in µs, of requests that succeeded. Different: requests of every protocol count.
 *
 * https://github.com/triton-inference-server/server, docs/user_guide/metrics.md
 */

import type { ReadFamily } from '../../../ledger/metrics/registry.ts';
import type { MetricSnapshot, Sample } from '../../../ledger/metrics/series.ts';
import { FAILURE_REASONS } from './inference-counts.ts';
import type { InferenceStatistics, TimeTotal, VersionStatistics } from './inference-statistics.ts';

const MICROS_PER_MS = 1000;

type Counters = Readonly<Record<string, readonly [help: string, read: (totals: VersionStatistics) => number]>>;

/** The counters, by what follows on `nv_inference_`: the help text, and the value of a version. */
const COUNTERS: Counters = {
  request_success: ['Requests that succeeded.', ({ success }) => success.count],
  count: ['Rows of requests that succeeded and ran.', ({ inferenceCount }) => inferenceCount],
  exec_count: ['Runs of the model.', ({ executionCount }) => executionCount],
  request_duration_us: ['Time from first header to last byte, in µs.', ({ success }) => microsOf(success)],
  queue_duration_us: ['Time that requests waited for a slot, in µs.', ({ queue }) => microsOf(queue)],
  compute_input_duration_us: [
    'Time in which rows were copied together, in µs.',
    ({ computeInput }) => microsOf(computeInput),
  ],
  compute_infer_duration_us: ['Time in which the model ran, in µs.', ({ computeInfer }) => microsOf(computeInfer)],
  compute_output_duration_us: [
    'Time in which outputs were divided, in µs.',
    ({ computeOutput }) => microsOf(computeOutput),
  ],
};

/** The counters of versions whose model has a response cache, by what follows on `nv_cache_`. */
const CACHE_COUNTERS: Counters = {
  num_hits_per_model: [
    'Requests that a kept answer, or the run of another one, has answered.',
    (s) => s.cacheHit.count,
  ],
  num_misses_per_model: ['Requests that ran as no answer was kept.', (s) => s.cacheMiss.count],
  hit_duration_per_model: ['Time in which answers were looked for and found, in µs.', (s) => microsOf(s.cacheHit)],
  miss_duration_per_model: ['Time in which answers were looked for in vain, in µs.', (s) => microsOf(s.cacheMiss)],
};

/** The families, read at each scrape. */
export function tritonFamilies(statistics: InferenceStatistics): readonly ReadFamily[] {
  const all = (): readonly VersionStatistics[] => statistics.all();
  const cached = (): readonly VersionStatistics[] =>
    all().filter(({ cacheHit, cacheMiss }) => cacheHit.count + cacheMiss.count > 0);
  return [...counters('nv_inference_', COUNTERS, all), failures(all), ...counters('nv_cache_', CACHE_COUNTERS, cached)];
}

/** Requests of a version that wait. */
export interface WaitingTasks {
  readonly model: string;
  readonly version: string;
  readonly tasks: number;
}

/** The requests of each version that wait. */
export function tritonPending(read: () => readonly WaitingTasks[]): ReadFamily {
  return family('nv_inference_pending_request_count', 'gauge', 'Requests that wait for a slot.', () =>
    read().map(({ model, version, tasks }) => ({ labels: { model, version }, value: tasks })),
  );
}

function counters(prefix: string, named: Counters, all: () => readonly VersionStatistics[]): readonly ReadFamily[] {
  return Object.entries(named).map(([suffix, [help, read]]) =>
    family(prefix + suffix, 'counter', help, () =>
      all().map((totals) => ({ labels: { model: totals.model, version: totals.version }, value: read(totals) })),
    ),
  );
}

function failures(all: () => readonly VersionStatistics[]): ReadFamily {
  return family('nv_inference_request_failure', 'counter', 'Requests that failed, by the reason.', () =>
    all().flatMap(({ model, version, failures: counts }) =>
      FAILURE_REASONS.map((reason) => ({ labels: { model, version, reason }, value: counts.get(reason) ?? 0 })),
    ),
  );
}

function family(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  read: () => readonly Omit<Sample, 'metricName'>[],
): ReadFamily {
  const get = (): Promise<MetricSnapshot> => {
    const values = read().map((sample) => ({ metricName: name, ...sample }));
    return Promise.resolve({ name, help, type, values });
  };
  return { name, get };
}

/** Whole microseconds. */
function microsOf({ ms }: TimeTotal): number {
  return Math.round(ms * MICROS_PER_MS);
}
