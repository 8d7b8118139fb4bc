/**
 * Metrics under TensorFlow Serving's names, so that dashboards made for it keep working. They are on the page that its
 * users scrape (METRICS_PATH) and not on /metrics: the names break Prometheus' present rules (colons, microseconds),
 * and our own metrics say the same by version.
 *
 * The same as there: latencies in µs, of requests that succeeded; `API` is Predict over gRPC and predict over REST; the
 * batching session's metrics have no model. Different: `runtime` is "Pillion", and examples of Classify and Regress are
 * counted too, not only those of MultiInference.
 */
import { NUMBERS, type RequestRing, ROWS, STAGE_INSTANTS } from '../recorder/request-ring.ts';
import type { BatchRecord, RequestRecord } from '../request-record.ts';
import { STAGE_QUEUE, STAGES } from '../stage-clock.ts';
import { type CounterSeries, counterFamily, type HistogramSeries, histogramFamily } from './series.ts';
import { bounds, LATENCY_BOUNDS, MICROS_PER_MS, type PrintedFamily, SERVING, statusName } from './tf-serving-names.ts';
import { TfServingVersionMetrics } from './tf-serving-version-metrics.ts';

const BATCHING = `${SERVING}batching_session:`;
const POOL = { thread_pool_name: '' };
const QUEUING_BOUNDS = bounds(100, 1.2, 52);
const SIZE_BOUNDS = bounds(1, 2, 14);
const EXAMPLE_BOUNDS = bounds(1, 2, 15);

/** Methods that take tf.Examples. */
const EXAMPLE_METHODS: ReadonlySet<string> = new Set(['Classify', 'Regress', 'MultiInference']);

/** The series of one model's requests with the same surface, method and outcome. */
export interface TfServingRequestSeries {
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

type RequestKind = Pick<RequestRecord, 'surface' | 'method' | 'model' | 'outcome'>;

export class TfServingMetrics {
  readonly #requests = counterFamily(`${SERVING}request_count`, 'Requests, by the name of their gRPC status.');
  readonly #latency = histogramFamily(
    `${SERVING}request_latency`,
    'Of requests that went well, in µs.',
    LATENCY_BOUNDS,
  );
  readonly #runtime = histogramFamily(
    `${SERVING}runtime_latency`,
    'Of the runs that requests rode in, in µs.',
    LATENCY_BOUNDS,
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
    `${SERVING}request_example_counts`,
    'tf.Examples of each request that took some and went well.',
    EXAMPLE_BOUNDS,
  );
  readonly #exampleTotal = counterFamily(`${SERVING}request_example_count_total`, 'tf.Examples of all requests.');
  /** Metrics of versions as they load. */
  readonly versions = new TfServingVersionMetrics();
  readonly families: readonly PrintedFamily[] = [
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
    ...this.versions.families,
  ];
  /** The series of padding by the size of the batch. */
  readonly #paddings = new Map<number, HistogramSeries>();
  readonly #queued = this.#queuing.open(POOL);
  readonly #run = this.#runs.open({});
  readonly #input = this.#inputSize.open(POOL);
  readonly #processed = this.#processedSize.open(POOL);

  /** The caller keeps the result for later requests of the same kind. */
  seriesOf({ surface, method, model, outcome }: RequestKind): TfServingRequestSeries {
    const labels = { model_name: model, status: statusName(outcome) };
    const count = this.#requests.open(labels);
    if (outcome !== 'ok') return { count, latency: undefined, runtime: undefined, examples: undefined };
    const entrypoint = surface === 'grpc' ? 'GRPC' : 'REST';
    const api = apiOf(method, entrypoint);
    const latency = this.#latency.open({ model_name: model, API: api, entrypoint });
    const runtime = this.#runtime.open({ model_name: model, API: method, runtime: 'Pillion' });
    return { count, latency, runtime, examples: this.#examplesOf(method, model) };
  }

  /** The requests at places `from` to `to` − 1. */
  recordColumns(
    ring: RequestRing,
    from: number,
    to: number,
    { count, latency, runtime, examples }: TfServingRequestSeries,
  ): void {
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
