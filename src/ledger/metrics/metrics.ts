/**
 * The server's metrics. Each app has its own registry: nothing is global.
 *
 * Requests and batches are counted by signature (totals.ts); states are read at scrape time (gauges.ts). Label values
 * are closed sets and the names of models that were found: a caller cannot create a series. Durations are seconds, as
 * Prometheus wants.
 */
import type { Clock, TimerHandle } from '../../core/clock.ts';
import type { BatchRecord, KeepReason, RequestRecord } from '../request-record.ts';
import { BackendMetrics } from './backend-metrics.ts';
import { DURATIONS } from './buckets.ts';
import { Gauges } from './gauges.ts';
import { type ReadFamily, Registry } from './registry.ts';
import { type CounterSeries, counterFamily, histogramFamily, type MetricSnapshot } from './series.ts';
import { elementFamilies } from './signature-totals.ts';
import { Totals } from './totals.ts';
import { BATCH_ROWS, BATCHES } from './work.ts';

/** Upper bounds in rows. */
const ROW_BUCKETS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** Time for which series outlive their version, for its last requests and a last scrape. */
const FORGET_AFTER_MS = 60_000;
/** Least number of batches for a mean size. */
const FEW_BATCHES = 100;

export interface MetricsOptions {
  readonly clock: Clock;
  /** Has everything recorded that ended before now. Absent: it is. */
  readonly settle?: () => void;
}

export class Metrics {
  /** Metrics of other parts of the server are registered here. */
  readonly registry = new Registry();
  readonly gauges = new Gauges(this.registry);
  readonly #aliases: ReadFamily[] = [];
  readonly #clock: Clock;
  readonly #settle: () => void;
  readonly #families = {
    requests: histogramFamily(
      'pillion_request_duration_seconds',
      'Time from the first header of a request to the last byte of its answer handed to the connection.',
      DURATIONS,
    ),
    stages: histogramFamily(
      'pillion_stage_duration_seconds',
      'Time that requests spent in each stage; stages that a request skipped are not counted.',
      DURATIONS,
    ),
    batchSize: histogramFamily('pillion_batch_size', 'Rows of requests in a batch, padding left out.', ROW_BUCKETS),
    runs: histogramFamily('pillion_run_duration_seconds', 'Time that the runtime itself took for a batch.', DURATIONS),
    predictionError: histogramFamily(
      'pillion_run_prediction_error_seconds',
      'By how much a batch took longer or shorter than the scheduler expected, the way to the runtime included.',
      DURATIONS,
    ),
    padding: counterFamily('pillion_batch_padding_rows_total', 'Rows added to batches to reach an allowed size.'),
    batches: counterFamily(
      'pillion_batches_total',
      'Batches run, by the reason why they left the queue and by outcome.',
    ),
    isolations: counterFamily(
      'pillion_isolations_total',
      'Failed batches where a request is at fault: run_again = they ran again in parts, values = its one request had bad values.',
    ),
    sheds: counterFamily('pillion_scheduler_refusals_total', 'Requests that the scheduler refused or shed, by reason.'),
    hostRestarts: counterFamily(
      'pillion_host_restarts_total',
      'Worker threads and processes of a model that were replaced: lost = it died, recycled = it had grown too large.',
    ),
    overload: counterFamily(
      'pillion_overload_refused_total',
      'Requests refused because memory was short: body_size = by the size of the body, shed = given up while the body arrived, memory_full = whatever they were.',
    ),
    refusals: counterFamily('pillion_refusals_total', 'Requests that failed, by kind of error.'),
    kept: counterFamily('pillion_kept_requests_total', 'Slow and failed requests that were kept with their traces.'),
    connectionEnds: counterFamily(
      'pillion_connection_ends_total',
      'Connections that were not let in or were ended while idle: refused = the surface is full, refused_peer = its address has as many as allowed, oldest_idle = for a new one, idle_timeout.',
    ),
    ...elementFamilies(),
  };
  readonly backends = new BackendMetrics(this.registry);
  readonly totals: Totals;
  readonly #kept: Readonly<Record<KeepReason, CounterSeries>> = {
    slow: this.#families.kept.open({ reason: 'slow' }),
    failed: this.#families.kept.open({ reason: 'failed' }),
  };
  readonly #forgetting = new Set<TimerHandle>();

  constructor({ clock, settle = () => undefined }: MetricsOptions) {
    this.#clock = clock;
    this.#settle = settle;
    this.totals = new Totals({ families: this.#families, settle });
    this.registry.register(...Object.values(this.#families));
  }

  /** Adds families under other servers' names, which are read only where they are asked for. */
  addAliases(families: readonly ReadFamily[]): void {
    this.#aliases.push(...families);
  }

  /**
   * Counts what is in no column of the ledger's ring, after `totals.recordColumns`. `kept`: why the request is kept;
   * `traceId`: the id of its trace if its spans are exported.
   */
  recordRequest(record: RequestRecord, kept?: KeepReason, traceId?: string): void {
    this.totals.recordRequest(record, traceId);
    if (kept !== undefined) this.#kept[kept].add(1);
    const { outcome: kind, surface } = record;
    if (kind !== 'ok') this.#families.refusals.open({ kind, surface }).add(1);
  }

  recordBatch(record: BatchRecord): void {
    this.totals.recordBatch(record);
  }

  /** Mean rows of the model's batches, over its versions and signatures; undefined before FEW_BATCHES batches. */
  meanBatchRows(model: string): number | undefined {
    this.#settle();
    let [batches, rows] = [0, 0];
    for (const { labels, work } of this.totals.all()) {
      if (labels.model !== model) continue;
      batches += work[BATCHES]!;
      rows += work[BATCH_ROWS]!;
    }
    return batches < FEW_BATCHES ? undefined : rows / batches;
  }

  /** `surface` and `reason` are of closed sets. */
  recordConnectionEnd(surface: string, reason: string): void {
    this.#families.connectionEnds.open({ surface, reason }).add(1);
  }

  recordOverloadRefusal(reason: 'body_size' | 'shed' | 'memory_full'): void {
    this.#families.overload.open({ reason }).add(1);
  }

  recordHostRestart(model: string, version: string, reason: 'lost' | 'recycled'): void {
    this.#families.hostRestarts.open({ model, version, reason }).add(1);
  }

  /**
   * Removes an unloaded version's series after FORGET_AFTER_MS. If the version is
   * loaded again before, its series restart at 0 then, which Prometheus reads as a counter reset.
   */
  forgetVersion(model: string, version: string): void {
    const timer = this.#clock.setTimer(this.#clock.nowMs() + FORGET_AFTER_MS, () => {
      this.#forgetting.delete(timer);
      this.#removeVersion(model, version);
    });
    this.#forgetting.add(timer);
  }

  /** The sum over all series of a counter; 0 if the name is no counter. */
  async counterTotal(name: string): Promise<number> {
    this.#settle();
    const theirs = this.#aliases.find((family) => family.name === name);
    const snapshot = await (theirs ?? this.registry.find(name))?.get();
    if (snapshot === undefined || snapshot.type !== 'counter') return 0;
    return snapshot.values.reduce((total, { value }) => total + value, 0);
  }

  /** The present values of all registered metrics; `withAliases`: and of those under other servers' names. */
  snapshots(withAliases = false): Promise<MetricSnapshot[]> {
    this.#settle();
    const all = [...this.registry.families(), ...(withAliases ? this.#aliases : [])];
    return Promise.all(all.map((family) => family.get()));
  }

  close(): void {
    for (const timer of this.#forgetting) timer.cancel();
    this.#forgetting.clear();
  }

  #removeVersion(model: string, version: string): void {
    this.totals.remove(model, version);
    this.registry.removeWhere((labels) => labels['model'] === model && labels['version'] === version);
    // The series of requests about the model alone, such as its load by name, go with its last version.
    const left = [...this.totals.all()].filter(({ labels }) => labels.model === model);
    if (left.length > 0 && left.every(({ labels }) => labels.version === '')) this.#removeVersion(model, '');
  }
}
