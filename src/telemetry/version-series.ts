/**
 * The series of one model version (and, under two empty names, of requests whose model was not found). Opened at its
 * first request or batch; from the second of a kind on, observing allocates nothing.
 */
import type { ServingError } from '../core/errors.ts';
import type { BatchRecord, DispatchReason, RequestOutcome, RequestRecord, Surface } from './request-record.ts';
import type { CounterSeries, Family, HistogramSeries, Labels } from './series.ts';
import { STAGES, type StageClock } from './stage-clock.ts';

/** The families that a version has series in. */
export interface VersionFamilies {
  readonly requests: Family<HistogramSeries>;
  readonly stages: Family<HistogramSeries>;
  readonly batchSize: Family<HistogramSeries>;
  readonly padding: Family<CounterSeries>;
  readonly batches: Family<CounterSeries>;
  readonly sheds: Family<CounterSeries>;
  readonly hostRestarts: Family<CounterSeries>;
}

const MS_PER_SECOND = 1000;

export class VersionSeries {
  readonly #families: VersionFamilies;
  readonly #labels: Labels;
  readonly #stages: readonly HistogramSeries[];
  readonly #requests: Readonly<Record<Surface, Map<string, Map<RequestOutcome, HistogramSeries>>>> = {
    grpc: new Map(),
    rest: new Map(),
  };
  readonly #batches = new Map<DispatchReason, Map<RequestOutcome, CounterSeries>>();
  readonly #sheds = new Map<string, CounterSeries>();
  readonly #hostRestarts = new Map<string, CounterSeries>();
  /** Opened with the first batch: a model that was not found has none. */
  #batchSize: HistogramSeries | undefined;
  #padding: CounterSeries | undefined;

  constructor(families: VersionFamilies, labels: { readonly model: string; readonly version: string }) {
    this.#families = families;
    this.#labels = { model: labels.model, version: labels.version };
    this.#stages = STAGES.map((stage) => families.stages.open({ stage, ...this.#labels }));
  }

  recordRequest(record: RequestRecord): void {
    const { stages } = record;
    this.#requestSeries(record).observe((stages.finishedAt - stages.startedAt) / MS_PER_SECOND);
    this.#observeStages(stages);
    if (record.error !== undefined) this.#recordShed(record.error);
  }

  recordHostRestart(reason: 'lost' | 'recycled'): void {
    let series = this.#hostRestarts.get(reason);
    if (series === undefined) {
      series = this.#families.hostRestarts.open({ ...this.#labels, reason });
      this.#hostRestarts.set(reason, series);
    }
    series.add(1);
  }

  recordBatch(record: BatchRecord): void {
    this.#batchSize ??= this.#families.batchSize.open(this.#labels);
    this.#batchSize.observe(record.rows);
    this.#padding ??= this.#families.padding.open(this.#labels);
    this.#padding.add(record.size - record.rows);
    this.#batchSeries(record.reason, record.outcome).add(1);
  }

  /** The scheduler's errors have a reason, one of a closed set; others have none. */
  #recordShed({ attributes }: ServingError): void {
    const reason = attributes?.['reason'];
    if (typeof reason !== 'string') return;
    const found = this.#sheds.get(reason);
    const series = found ?? this.#families.sheds.open({ ...this.#labels, reason });
    if (found === undefined) this.#sheds.set(reason, series);
    series.add(1);
  }

  /** A skipped stage has no length and is left out, or it would drown those that were gone through. */
  #observeStages(stages: StageClock): void {
    for (let stage = 0; stage < this.#stages.length && stages.has(stage); stage++) {
      const lengthMs = stages.endOf(stage) - stages.startOf(stage);
      if (lengthMs > 0) this.#stages[stage]!.observe(lengthMs / MS_PER_SECOND);
    }
  }

  #requestSeries({ surface, method, outcome }: RequestRecord): HistogramSeries {
    const methods = this.#requests[surface];
    const found = methods.get(method)?.get(outcome);
    if (found !== undefined) return found;
    const series = this.#families.requests.open({ surface, method, ...this.#labels, outcome });
    const outcomes = methods.get(method) ?? new Map<RequestOutcome, HistogramSeries>();
    outcomes.set(outcome, series);
    methods.set(method, outcomes);
    return series;
  }

  #batchSeries(reason: DispatchReason, outcome: RequestOutcome): CounterSeries {
    const found = this.#batches.get(reason)?.get(outcome);
    if (found !== undefined) return found;
    const series = this.#families.batches.open({ ...this.#labels, reason, outcome });
    const outcomes = this.#batches.get(reason) ?? new Map<RequestOutcome, CounterSeries>();
    outcomes.set(outcome, series);
    this.#batches.set(reason, outcomes);
    return series;
  }
}
