/**
 * Metrics under Triton's names, so that dashboards and autoscalers made for it keep working. They are the totals of the
 * statistics extension (inference-statistics.ts), by model and version, and stand on the same page as TensorFlow
 * Serving's names.
 *
 * The same as there: times are sums in µs, of requests that succeeded. Different: requests of every protocol count, and
 * failures have no label `reason`.
 *
 * https://github.com/triton-inference-server/server, docs/user_guide/metrics.md
 */
import type { InferenceStatistics, TimeTotal, VersionStatistics } from './inference-statistics.ts';
import type { MetricSnapshot } from './series.ts';
import { MICROS_PER_MS, type PrintedFamily } from './tf-serving-names.ts';

const PREFIX = 'nv_inference_';

/** By name: what it counts, and its value of a version. */
const COUNTERS: Readonly<Record<string, readonly [help: string, read: (totals: VersionStatistics) => number]>> = {
  request_success: ['Requests that succeeded.', ({ success }) => success.count],
  request_failure: ['Requests that failed.', ({ fail }) => fail.count],
  count: ['Rows of requests that succeeded.', ({ inferenceCount }) => inferenceCount],
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

/** The families, read at each scrape. */
export function tritonFamilies(statistics: InferenceStatistics): readonly PrintedFamily[] {
  return Object.entries(COUNTERS).map(([suffix, [help, read]]) => {
    const name = PREFIX + suffix;
    const get = (): Promise<MetricSnapshot> => {
      const values = statistics.all().map((totals) => {
        const labels = { model: totals.model, version: totals.version };
        return { metricName: name, labels, value: read(totals) };
      });
      return Promise.resolve({ name, help, type: 'counter', values });
    };
    return { name, get };
  });
}

/** Whole microseconds. */
function microsOf({ ms }: TimeTotal): number {
  return Math.round(ms * MICROS_PER_MS);
}
