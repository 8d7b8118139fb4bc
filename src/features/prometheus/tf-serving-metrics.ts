/**
 * Metrics under TensorFlow Serving's names, so that dashboards made for it keep working. They are on the page that its
 * users scrape (DEFAULT_METRICS_PATH) and not on /metrics: the names break Prometheus' present rules (colons, microseconds),
 * and our own metrics say the same by version.
 *
 * The same as there: latencies in µs, of requests that succeeded; `API` is Predict over gRPC and predict over REST; the
 * batching session's metrics have no model. Different: `runtime` is "Pillion", and examples of Classify and Regress are
 * counted too, not only those of MultiInference.
 */

import { statusName } from '../../core/errors.ts';
import { exponentialBounds } from '../../ledger/metrics/buckets.ts';
import type { ReadFamily } from '../../ledger/metrics/registry.ts';
import {
  type CounterSeries,
  counterFamily,
  type HistogramSeries,
  histogramFamily,
} from '../../ledger/metrics/series.ts';
import type { RequestKind } from '../../ledger/metrics/signature-totals.ts';
import { MICROS_PER_MS, TF_SERVING, TF_SERVING_LATENCY_BOUNDS } from '../../ledger/metrics/tf-serving-names.ts';
import { NUMBERS, ROWS, STAGE_INSTANTS } from '../../ledger/recorder/request-columns.ts';
import type { RequestRing } from '../../ledger/recorder/request-ring.ts';
import type { BatchRecord } from '../../ledger/request-record.ts';
import { STAGE_QUEUE, STAGES } from '../../ledger/stage-clock.ts';

const BATCHING = `${TF_SERVING}batching_session:`;
const POOL = { thread_pool_name: '' };
const QUEUING_BOUNDS = exponentialBounds(100, 1.2, 52);
const SIZE_BOUNDS = exponentialBounds(1, 2, 14);
const EXAMPLE_BOUNDS = exponentialBounds(1, 2, 15);

/** Methods that take tf.Examples. */
const EXAMPLE_METHODS: ReadonlySet<string> = new Set(['Classify', 'Regress', 'MultiInference']);

/** The series of one model's requests with the same surface, method and outcome. */
interface RequestSeries {
  readonly count: CounterSeries;
  /** These three are undefined for requests that failed. */
  readonly latency: HistogramSeries | undefined;
  readonly runtime: HistogramSeries | undefined;
  /** Undefined where the method takes no examples. */
  readonly examples: ExampleSeries | undefined;
}

interface ExampleSeries {
  readonly counts: HistogramSeries;
  readonly total: CounterSeries;
}

export class TfServingMetrics {
  readonly #requests = counterFamily(`${TF_SERVING}request_count`, 'Requests, by the name of their gRPC status.');
  readonly #latency = histogramFamily(
    `${TF_SERVING}request_latency`,
    'Of requests that went well, in µs.',
    TF_SERVING_LATENCY_BOUNDS,
  );
  readonly #runtime = histogramFamily(
    `${TF_SERVING}runtime_latency`,
    'Of the runs that requests rode in, in µs.',
    TF_SERVING_LATENCY_BOUNDS,
  );
  readonly #queuing = histogramFamily(
    `${BATCHING}queuing_latency`,
    'Time that requests waited, in µs.',
    QUEUING_BOUNDS,
  );
  readonly #runs = counterFamily(`${BATCHING}wrapped_run_count`, 'Batches run.');
  readonly #inputSize = histogramFamily(`${BATCHING}input_batch_size`, 'Rows of each request.', SIZE_BOUNDS);
  readonly #processedSize = histogramFamily(
    `${BATCHING}processed_batch_size`,
    'Rows of each batch, with padding.',
    SIZE_BOUNDS,
  );
  readonly #padding = histogramFamily(`${BATCHING}padding_size`, 'Rows of padding of padded batches.', SIZE_BOUNDS);
  readonly #exampleCounts = histogramFamily(
    `${TF_SERVING}request_example_counts`,
    'tf.Examples of each request that took some and went well.',
    EXAMPLE_BOUNDS,
  );
  readonly #exampleTotal = counterFamily(`${TF_SERVING}request_example_count_total`, 'tf.Examples of all requests.');
  readonly families: readonly ReadFamily[] = [
    this.#requests,
    this.#latency,
    this.#runtime,
    this.#exampleCounts,
    this.#exampleTotal,
    this.#queuing,
    this.#runs,
    this.#inputSize,
    this.#processedSize,
    this.#padding,
  ];
  readonly #series = new WeakMap<RequestKind, RequestSeries>();
  /** The series of padding by the size of the batch. */
  readonly #paddings = new Map<number, HistogramSeries>();
  readonly #queued = this.#queuing.open(POOL);
  readonly #run = this.#runs.open({});
  readonly #input = this.#inputSize.open(POOL);
  readonly #processed = this.#processedSize.open(POOL);

  /** Requests of one kind, at places `from` to `to` − 1. */
  recordColumns(kind: RequestKind, ring: RequestRing, from: number, to: number): void {
    let series = this.#series.get(kind);
    if (series === undefined) {
      series = this.#open(kind);
      this.#series.set(kind, series);
    }
    const { count, latency, runtime, examples } = series;
    const { numbers, batches } = ring;
    count.add(to - from);
    for (let place = from; place < to; place++) {
      const at = place * NUMBERS + STAGE_INSTANTS;
      latency?.observe((numbers[at + STAGES.length]! - numbers[at]!) * MICROS_PER_MS);
      const rows = numbers[place * NUMBERS + ROWS]!;
      examples?.counts.observe(rows);
      examples?.total.add(rows);
      const batch = batches[place];
      if (batch === undefined) continue;
      this.#queued.observe((numbers[at + STAGE_QUEUE + 1]! - numbers[at + STAGE_QUEUE]!) * MICROS_PER_MS);
      this.#input.observe(rows);
      if (batch.runStart !== undefined && batch.runEnd !== undefined) {
        runtime?.observe((batch.runEnd - batch.runStart) * MICROS_PER_MS);
      }
    }
  }

  recordBatch({ rows, size }: BatchRecord): void {
    this.#run.add(1);
    this.#processed.observe(size);
    if (size === rows) return;
    let series = this.#paddings.get(size);
    if (series === undefined) {
      series = this.#padding.open({ ...POOL, execution_batch_size: String(size) });
      this.#paddings.set(size, series);
    }
    series.observe(size - rows);
  }

  #open({ surface, method, model, outcome }: RequestKind): RequestSeries {
    const count = this.#requests.open({ model_name: model, status: statusName(outcome) });
    if (outcome !== 'ok') return { count, latency: undefined, runtime: undefined, examples: undefined };
    const entrypoint = surface === 'grpc' ? 'GRPC' : 'REST';
    return {
      count,
      latency: this.#latency.open({ model_name: model, API: apiOf(method, entrypoint), entrypoint }),
      runtime: this.#runtime.open({ model_name: model, API: method, runtime: 'Pillion' }),
      examples: this.#examplesOf(method, model),
    };
  }

  #examplesOf(method: string, model: string): ExampleSeries | undefined {
    if (!EXAMPLE_METHODS.has(method)) return undefined;
    return {
      counts: this.#exampleCounts.open({ model }),
      total: this.#exampleTotal.open({ model }),
    };
  }
}

function apiOf(method: string, entrypoint: 'GRPC' | 'REST'): string {
  if (entrypoint === 'GRPC') return method;
  return method.startsWith('Get') || method === 'unknown' ? '' : method.toLowerCase();
}
