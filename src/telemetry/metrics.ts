/**
 * What Prometheus sees of the server. One registry for each app: nothing global.
 *
 * Everything counted per request or batch is counted here, when its record is written; everything that is a state
 * (queues, requests in flight) is asked for at scrape time. Label values are closed sets and the names of models that
 * were found: a caller cannot create a series. Durations are seconds, as Prometheus wants.
 *
 * Finding the series of a request is four map look-ups from its model down; they hold the series themselves:
 *
 *   model → version → VersionSeries ─┬─ surface → method → outcome → request duration
 *                                    ├─ stage durations, by index
 *                                    └─ batches: size, padding, reason → outcome → count
 */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Clock, TimerHandle } from '../core/clock.ts';
import type { MetricsPage } from './metrics-page.ts';
import type { AlternateRecord, BatchRecord, RequestRecord } from './request-record.ts';
import { asMetric, type CounterSeries, counterFamily, GaugeFamily, histogramFamily, type Labels } from './series.ts';
import { VersionSeries } from './version-series.ts';

/** Upper bounds in seconds, 50 µs to 30 s, each about twice the last; the usual objectives (10 ms, 100 ms, 1 s) are among them. */
export const DURATION_BUCKETS: readonly number[] = [
  0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30,
];

/** Upper bounds in rows. */
export const ROW_BUCKETS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** A version's series outlive it by this: its last requests are still being written down, and a last scrape reads them. */
const FORGET_AFTER_MS = 60_000;

/** How often the event loop's delay is sampled. prom-client's default of 10 ms wakes an idle server twice as often. */
const LOOP_DELAY_RESOLUTION_MS = 20;

/** prom-client's metrics that walk every open socket, several times, on each scrape: left out. */
const COSTLY_METRICS: readonly string[] = ['handles', 'requests', 'resources'].flatMap((what) => [
  `nodejs_active_${what}`,
  `nodejs_active_${what}_total`,
]);

/** How full a model version's queues are. */
export interface QueueReading {
  readonly model: string;
  readonly version: string;
  readonly rows: number;
  readonly tasks: number;
  readonly runningBatches: number;
}

/** What a model version takes of memory, in bytes. */
export interface MemoryReading {
  readonly model: string;
  readonly version: string;
  /** `weights`: of its files, once for each session; `working`: what the process grew by beyond them. */
  readonly part: 'weights' | 'working';
  readonly bytes: number;
}

/** In which state the circuit breaker of a model version is. */
export interface BreakerReading {
  readonly model: string;
  readonly version: string;
  readonly state: (typeof BREAKER_STATE_LABELS)[number];
}

/** The one that it is in has 1, the others 0. */
const BREAKER_STATE_LABELS = ['closed', 'half_open', 'open'] as const;

/** Memory of a model version's own processes, in bytes. */
export interface HostReading {
  readonly model: string;
  readonly version: string;
  readonly residentBytes: number;
}

export interface MetricsOptions {
  readonly clock: Clock;
  /** CPU, memory, event loop, garbage collection of this process. Default true. */
  readonly processMetrics?: boolean;
}

export class Metrics {
  /** For metrics of other parts of the server. */
  readonly registry = new Registry();
  readonly #clock: Clock;
  readonly #families = {
    requests: histogramFamily(
      'pillion_request_duration_seconds',
      'Time from the first header of a request to the last byte of its answer handed to the connection.',
      DURATION_BUCKETS,
    ),
    stages: histogramFamily(
      'pillion_stage_duration_seconds',
      'Time that requests spent in each stage; stages that a request skipped are not counted.',
      DURATION_BUCKETS,
    ),
    batchSize: histogramFamily('pillion_batch_size', 'Rows of requests in a batch, padding left out.', ROW_BUCKETS),
    padding: counterFamily('pillion_batch_padding_rows_total', 'Rows added to batches to reach an allowed size.'),
    batches: counterFamily('pillion_batches_total', 'Batches run, by why they left the queue and how they ended.'),
    sheds: counterFamily(
      'pillion_scheduler_refusals_total',
      'Requests that the scheduler refused, dropped or gave up, by reason.',
    ),
    hostRestarts: counterFamily(
      'pillion_host_restarts_total',
      'Worker threads and processes of a model that were replaced: lost = one died, recycled = one had grown too large.',
    ),
    refusals: counterFamily('pillion_refusals_total', 'Requests that were not answered well, by kind of error.'),
    alternates: counterFamily(
      'pillion_alternate_answers_total',
      'Requests that another model answered in the place of the one that was asked, by why.',
    ),
  };
  readonly #versions = new Map<string, Map<string, VersionSeries>>();
  readonly #refusals = new Map<string, Map<string, CounterSeries>>();
  readonly #alternates = new Map<string, CounterSeries>();
  readonly #forgetting = new Set<TimerHandle>();

  constructor({ clock, processMetrics = true }: MetricsOptions) {
    this.#clock = clock;
    for (const family of Object.values(this.#families)) this.registry.registerMetric(asMetric(family));
    if (processMetrics) this.#addProcessMetrics();
  }

  recordRequest(record: RequestRecord): void {
    this.#versionOf(record.model, record.version).recordRequest(record);
    if (record.outcome !== 'ok') this.#refusalsOf(record.surface, record.outcome).add(1);
    else if (record.alternate !== undefined) this.#alternatesOf(record.alternate).add(1);
  }

  recordBatch(record: BatchRecord): void {
    this.#versionOf(record.model, record.version).recordBatch(record);
  }

  /** `read` is asked at each scrape. Call once. */
  observeQueues(read: () => readonly QueueReading[]): void {
    const gauge = (name: string, help: string, pick: (reading: QueueReading) => number): void => {
      const readings = (): { labels: Labels; value: number }[] =>
        read().map((r) => ({ labels: { model: r.model, version: r.version }, value: pick(r) }));
      this.registry.registerMetric(asMetric(new GaugeFamily(name, help, readings)));
    };
    gauge('pillion_queue_rows', 'Rows that wait for a slot.', (r) => r.rows);
    gauge('pillion_queue_tasks', 'Requests (or parts of large ones) that wait for a slot.', (r) => r.tasks);
    gauge('pillion_running_batches', 'Batches that the runtime has now.', (r) => r.runningBatches);
  }

  /** `read` is asked at each scrape. Call once. */
  observeBreakers(read: () => readonly BreakerReading[]): void {
    const readings = (): { labels: Labels; value: number }[] =>
      read().flatMap(({ model, version, state: current }) =>
        BREAKER_STATE_LABELS.map((state) => ({ labels: { model, version, state }, value: state === current ? 1 : 0 })),
      );
    const help = 'State of the circuit breaker around a version’s batches: 1 for the one that it is in.';
    this.registry.registerMetric(asMetric(new GaugeFamily('pillion_breaker_state', help, readings)));
  }

  /** `read` is asked at each scrape. Call once. */
  observeMemory(read: () => readonly MemoryReading[]): void {
    const readings = (): { labels: Labels; value: number }[] =>
      read().map(({ model, version, part, bytes }) => ({ labels: { model, version, part }, value: bytes }));
    const help = 'Memory that a loaded version takes, as measured when it loaded.';
    this.registry.registerMetric(asMetric(new GaugeFamily('pillion_model_memory_bytes', help, readings)));
  }

  recordHostRestart(model: string, version: string, reason: 'lost' | 'recycled'): void {
    this.#versionOf(model, version).recordHostRestart(reason);
  }

  /** `read` is asked at each scrape. Call once. */
  observeHosts(read: () => readonly HostReading[]): void {
    const readings = (): { labels: Labels; value: number }[] =>
      read().map(({ model, version, residentBytes }) => ({ labels: { model, version }, value: residentBytes }));
    const help = 'Memory of the processes that a version runs in, where it has its own.';
    this.registry.registerMetric(asMetric(new GaugeFamily('pillion_host_resident_bytes', help, readings)));
  }

  /** `read` is asked at each scrape. Call once. */
  observeInFlight(read: () => number): void {
    const readings = (): { labels: Labels; value: number }[] => [{ labels: {}, value: read() }];
    const gauge = new GaugeFamily('pillion_requests_in_flight', 'Requests begun and not yet answered.', readings);
    this.registry.registerMetric(asMetric(gauge));
  }

  /**
   * Lets go of an unloaded version's series, a minute from now. Should the version come back within it, its series
   * start again at 0, which Prometheus reads as a restart.
   */
  forgetVersion(model: string, version: string): void {
    const timer = this.#clock.setTimer(this.#clock.nowMs() + FORGET_AFTER_MS, () => {
      this.#forgetting.delete(timer);
      this.#removeVersion(model, version);
    });
    this.#forgetting.add(timer);
  }

  /** The sum over all series of a counter; 0 for a name that is none. */
  async counterTotal(name: string): Promise<number> {
    const snapshot = await this.registry.getSingleMetric(name)?.get();
    // The enum of prom-client's types is "counter" in its snapshots.
    if (snapshot === undefined || String(snapshot.type) !== 'counter') return 0;
    return snapshot.values.reduce((total, { value }) => total + value, 0);
  }

  /** Everything, in Prometheus' text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** `Content-Type` of `text()`. */
  get contentType(): string {
    return this.registry.contentType;
  }

  /** `text` with its type, for whoever serves it. */
  async page(): Promise<MetricsPage> {
    return { contentType: this.contentType, text: await this.text() };
  }

  close(): void {
    for (const timer of this.#forgetting) timer.cancel();
    this.#forgetting.clear();
  }

  #versionOf(model: string, version: string): VersionSeries {
    const found = this.#versions.get(model)?.get(version);
    if (found !== undefined) return found;
    const series = new VersionSeries(this.#families, { model, version });
    const versions = this.#versions.get(model) ?? new Map<string, VersionSeries>();
    versions.set(version, series);
    this.#versions.set(model, versions);
    return series;
  }

  #refusalsOf(surface: string, kind: string): CounterSeries {
    const found = this.#refusals.get(surface)?.get(kind);
    if (found !== undefined) return found;
    const series = this.#families.refusals.open({ kind, surface });
    const kinds = this.#refusals.get(surface) ?? new Map<string, CounterSeries>();
    kinds.set(kind, series);
    this.#refusals.set(surface, kinds);
    return series;
  }

  /** A few: models are configured, and there are two reasons. */
  #alternatesOf({ asked: model, reason }: AlternateRecord): CounterSeries {
    const key = `${reason} ${model}`;
    const found = this.#alternates.get(key);
    if (found !== undefined) return found;
    const series = this.#families.alternates.open({ model, reason });
    this.#alternates.set(key, series);
    return series;
  }

  #removeVersion(model: string, version: string): void {
    const versions = this.#versions.get(model);
    versions?.delete(version);
    if (versions?.size === 0) this.#versions.delete(model);
    for (const family of Object.values(this.#families)) {
      family.removeWhere((labels) => labels['model'] === model && labels['version'] === version);
    }
  }

  #addProcessMetrics(): void {
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: LOOP_DELAY_RESOLUTION_MS });
    for (const name of COSTLY_METRICS) this.registry.removeSingleMetric(name);
  }
}
