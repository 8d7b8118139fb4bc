/**
 * The metrics of TensorFlow Serving that have something here to count, under its names, so that dashboards made for it go
 * on working. They stand on the page that its users scrape (METRICS_PATH) and not on /metrics: its names break the rules
 * that Prometheus has by now (colons, microseconds), and say nothing that ours do not say by version.
 *
 * As there: latencies in µs, of requests that went well; `API` is Predict over gRPC and predict over REST; the batching
 * session's have no model. Not as there: `runtime` is "Pillion".
 */
import { ERROR_TABLE, GrpcStatus } from '../core/errors.ts';
import type { BatchRecord, RequestOutcome, RequestRecord } from './request-record.ts';
import { type CounterSeries, counterFamily, type HistogramSeries, histogramFamily } from './series.ts';
import { STAGE_QUEUE } from './stage-clock.ts';

const MICROS_PER_MS = 1000;
const SERVING = ':tensorflow:serving:';
const BATCHING = `${SERVING}batching_session:`;
const POOL = { thread_pool_name: '' };

/** TensorFlow Serving's exponential buckets. */
function bounds(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first * factor ** i);
}

const LATENCY_BOUNDS = bounds(10, 1.8, 33);
const QUEUING_BOUNDS = bounds(100, 1.2, 52);
const SIZE_BOUNDS = bounds(1, 2, 14);

const STATUS_NAMES: readonly string[] = Object.keys(GrpcStatus);

/** The series of requests of one model that came and ended alike. */
export interface TfServingRequestSeries {
  readonly count: CounterSeries;
  /** Of those that went well. */
  readonly latency: HistogramSeries | undefined;
  readonly runtime: HistogramSeries | undefined;
}

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
  readonly families = [
    this.#requests,
    this.#latency,
    this.#runtime,
    this.#queuing,
    this.#runs,
    this.#inputSize,
    this.#processedSize,
    this.#padding,
  ];
  readonly #byKey = new Map<string, CounterSeries | HistogramSeries>();
  readonly #queued = this.#queuing.open(POOL);
  readonly #run = this.#runs.open({});
  readonly #input = this.#inputSize.open(POOL);
  readonly #processed = this.#processedSize.open(POOL);

  /** Looked up once for each kind of request: the caller keeps it. */
  seriesOf({ surface, method, model, outcome }: RequestRecord): TfServingRequestSeries {
    const labels = { model_name: model, status: statusOf(outcome) };
    const count = this.#one(`count ${labels.status} ${model}`, () => this.#requests.open(labels));
    if (outcome !== 'ok') return { count, latency: undefined, runtime: undefined };
    const entrypoint = surface === 'grpc' ? 'GRPC' : 'REST';
    const api = apiOf(method, entrypoint);
    const latency = this.#one(`latency ${entrypoint} ${api} ${model}`, () =>
      this.#latency.open({ model_name: model, API: api, entrypoint }),
    );
    const runtime = this.#one(`runtime ${method} ${model}`, () =>
      this.#runtime.open({ model_name: model, API: method, runtime: 'Pillion' }),
    );
    return { count, latency, runtime };
  }

  recordRequest(record: RequestRecord, { count, latency, runtime }: TfServingRequestSeries): void {
    const { stages, batch } = record;
    count.add(1);
    latency?.observe((stages.finishedAt - stages.startedAt) * MICROS_PER_MS);
    if (batch === undefined) return;
    this.#queued.observe((stages.endOf(STAGE_QUEUE) - stages.startOf(STAGE_QUEUE)) * MICROS_PER_MS);
    this.#input.observe(record.rows);
    if (batch.runStart !== undefined && batch.runEnd !== undefined) {
      runtime?.observe((batch.runEnd - batch.runStart) * MICROS_PER_MS);
    }
  }

  recordBatch({ rows, size }: BatchRecord): void {
    this.#run.add(1);
    this.#processed.observe(size);
    if (size === rows) return;
    const labels = { ...POOL, execution_batch_size: String(size) };
    this.#one(`padding ${size}`, () => this.#padding.open(labels)).observe(size - rows);
  }

  #one<S extends CounterSeries | HistogramSeries>(key: string, open: () => S): S {
    const found = this.#byKey.get(key);
    if (found !== undefined) return found as S;
    const series = open();
    this.#byKey.set(key, series);
    return series;
  }
}

function statusOf(outcome: RequestOutcome): string {
  return outcome === 'ok' ? 'OK' : STATUS_NAMES[ERROR_TABLE[outcome].grpc]!;
}

function apiOf(method: string, entrypoint: 'GRPC' | 'REST'): string {
  if (entrypoint === 'GRPC') return method;
  return method.startsWith('Get') || method === 'unknown' ? '' : method.toLowerCase();
}
