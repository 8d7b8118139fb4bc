/**
 * The series of one signature of a model version; under empty names, those of requests whose model or signature was not
 * found. A series is created at the first request or batch of its kind; after that observing allocates nothing.
 */
import type { ServingError } from '../../core/errors.ts';
import type {
  BatchRecord,
  DispatchReason,
  IsolationResult,
  RequestOutcome,
  RequestRecord,
  Surface,
} from '../request-record.ts';
import { STAGES } from '../stage-clock.ts';
import { type CounterSeries, counterFamily, type Family, type HistogramSeries, type Labels } from './series.ts';
import type { TfServingMetrics, TfServingRequestSeries } from './tf-serving-metrics.ts';

/** The families that a signature has series in. */
export interface SignatureFamilies {
  readonly requests: Family<HistogramSeries>;
  readonly stages: Family<HistogramSeries>;
  readonly batchSize: Family<HistogramSeries>;
  readonly runs: Family<HistogramSeries>;
  readonly predictionError: Family<HistogramSeries>;
  readonly padding: Family<CounterSeries>;
  readonly elements: Family<CounterSeries>;
  readonly paddingElements: Family<CounterSeries>;
  readonly batches: Family<CounterSeries>;
  readonly isolations: Family<CounterSeries>;
  readonly sheds: Family<CounterSeries>;
}

/** Of batches whose rows have lengths. */
export function elementFamilies(): Pick<SignatureFamilies, 'elements' | 'paddingElements'> {
  return {
    elements: counterFamily(
      'pillion_batch_elements_total',
      'Rows × length of requests in batches, padding left out, where requests of different lengths share runs.',
    ),
    paddingElements: counterFamily(
      'pillion_batch_padding_elements_total',
      'Rows × length added to such batches, to the length of the longest row and to an allowed size.',
    ),
  };
}

const MS_PER_SECOND = 1000;

export interface SignatureLabels extends Labels {
  readonly model: string;
  readonly version: string;
  readonly signature: string;
}

/** The series of requests with the same surface, method and outcome. */
interface RequestSeries extends Pick<RequestRecord, 'surface' | 'method' | 'outcome'> {
  readonly duration: HistogramSeries;
  readonly tfServing: TfServingRequestSeries;
}

/** Created with the first batch: a model that was not found has none. */
interface BatchSeries {
  readonly size: HistogramSeries;
  readonly padding: CounterSeries;
  readonly run: HistogramSeries;
  readonly predictionError: HistogramSeries;
}

/** Created with the first batch whose rows have lengths. */
interface ElementSeries {
  readonly own: CounterSeries;
  readonly padding: CounterSeries;
}

export class SignatureSeries {
  readonly labels: SignatureLabels;
  readonly #families: SignatureFamilies;
  readonly #tfServing: TfServingMetrics;
  readonly #stages: readonly HistogramSeries[];
  readonly #requests: Readonly<Record<Surface, Map<string, Map<RequestOutcome, RequestSeries>>>> = {
    grpc: new Map(),
    rest: new Map(),
  };
  readonly #batches = new Map<DispatchReason, Map<RequestOutcome, CounterSeries>>();
  readonly #isolations = new Map<IsolationResult, CounterSeries>();
  readonly #sheds = new Map<string, CounterSeries>();
  #batch: BatchSeries | undefined;
  #elements: ElementSeries | undefined;
  /** The last request's series, which is mostly the next one's too. */
  #last: RequestSeries | undefined;

  constructor(families: SignatureFamilies, tfServing: TfServingMetrics, labels: SignatureLabels) {
    this.labels = labels;
    this.#families = families;
    this.#tfServing = tfServing;
    this.#stages = STAGES.map((stage) => families.stages.open({ stage, ...labels }));
  }

  /** `traceId` becomes an exemplar; undefined where the request's spans are not exported. */
  recordRequest(record: RequestRecord, traceId: string | undefined): void {
    const { stages } = record;
    const series = this.#requestSeries(record);
    const { finishedAt } = stages;
    series.duration.observe((finishedAt - stages.startedAt) / MS_PER_SECOND, traceId, finishedAt);
    for (let stage = 0; stage < this.#stages.length; stage++) {
      const lengthMs = stages.lengthOf(stage);
      // A skipped stage has no length and is left out, or it would drown those that were gone through.
      if (lengthMs > 0) this.#stages[stage]!.observe(lengthMs / MS_PER_SECOND, traceId, finishedAt);
    }
    this.#tfServing.recordRequest(record, series.tfServing);
    if (record.error !== undefined) this.#recordShed(record.error);
  }

  recordBatch(record: BatchRecord): void {
    this.#batch ??= this.#openBatch();
    const { size, padding, run, predictionError } = this.#batch;
    size.observe(record.rows);
    padding.add(record.size - record.rows);
    if (record.elements !== undefined) this.#recordElements(record.elements, record.paddingElements ?? 0);
    const { runStart, runEnd, expectedMs, executeStart, splitStart } = record;
    if (runStart !== undefined && runEnd !== undefined) run.observe((runEnd - runStart) / MS_PER_SECOND);
    if (expectedMs !== undefined && splitStart > 0) {
      predictionError.observe(Math.abs(splitStart - executeStart - expectedMs) / MS_PER_SECOND);
    }
    this.#batchSeries(record.reason, record.outcome).add(1);
    this.#tfServing.recordBatch(record);
    if (record.isolation !== undefined) this.#recordIsolation(record.isolation, record.reason);
  }

  /** Sizes of its batches in rows, without padding; undefined before the first. */
  get batchSizes(): Pick<HistogramSeries, 'sum' | 'count'> | undefined {
    return this.#batch?.size;
  }

  #recordElements(own: number, padding: number): void {
    const { elements, paddingElements } = this.#families;
    this.#elements ??= { own: elements.open(this.labels), padding: paddingElements.open(this.labels) };
    this.#elements.own.add(own);
    this.#elements.padding.add(padding);
  }

  #openBatch(): BatchSeries {
    const { batchSize, padding, runs, predictionError } = this.#families;
    return {
      size: batchSize.open(this.labels),
      padding: padding.open(this.labels),
      run: runs.open(this.labels),
      predictionError: predictionError.open(this.labels),
    };
  }

  /** The scheduler's errors have a reason, one of a closed set; others have none. */
  #recordShed({ attributes }: ServingError): void {
    const reason = attributes?.['reason'];
    if (typeof reason !== 'string') return;
    const found = this.#sheds.get(reason);
    const series = found ?? this.#families.sheds.open({ ...this.labels, reason });
    if (found === undefined) this.#sheds.set(reason, series);
    series.add(1);
  }

  #requestSeries(record: RequestRecord): RequestSeries {
    const { surface, method, outcome } = record;
    const last = this.#last;
    if (last?.outcome === outcome && last.method === method && last.surface === surface) return last;
    this.#last = this.#requests[surface].get(method)?.get(outcome) ?? this.#openRequestSeries(record);
    return this.#last;
  }

  #openRequestSeries(record: RequestRecord): RequestSeries {
    const { surface, method, outcome } = record;
    const methods = this.#requests[surface];
    const series: RequestSeries = {
      surface,
      method,
      outcome,
      duration: this.#families.requests.open({ surface, method, ...this.labels, outcome }),
      tfServing: this.#tfServing.seriesOf(record),
    };
    const outcomes = methods.get(method) ?? new Map<RequestOutcome, RequestSeries>();
    outcomes.set(outcome, series);
    methods.set(method, outcomes);
    return series;
  }

  /** Counts a failed batch. A part of it that fails and is split again is not counted again. */
  #recordIsolation(result: IsolationResult, reason: DispatchReason): void {
    if (result === 'run_again' && reason === 'isolation') return;
    const found = this.#isolations.get(result);
    const series = found ?? this.#families.isolations.open({ ...this.labels, result });
    if (found === undefined) this.#isolations.set(result, series);
    series.add(1);
  }

  #batchSeries(reason: DispatchReason, outcome: RequestOutcome): CounterSeries {
    const found = this.#batches.get(reason)?.get(outcome);
    if (found !== undefined) return found;
    const series = this.#families.batches.open({ ...this.labels, reason, outcome });
    const outcomes = this.#batches.get(reason) ?? new Map<RequestOutcome, CounterSeries>();
    outcomes.set(outcome, series);
    this.#batches.set(reason, outcomes);
    return series;
  }
}
