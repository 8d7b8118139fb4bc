/**
 * The totals of one signature of a model version since the start; under empty names, those of requests whose model or
 * signature was not found. The stages are one array of numbers:
 *
 *   numbers  │ stage 0: buckets, sum │ … │ stage 7: buckets, sum │
 *
 * Durations of whole requests are counted by surface, method and outcome, batches by reason and outcome. Metrics read
 * them when they are asked. Counting allocates nothing, but for the first of a kind.
 */
import type { ServingError } from '../../core/errors.ts';
import { NUMBERS, STAGE_INSTANTS } from '../recorder/request-columns.ts';
import type { RequestRing } from '../recorder/request-ring.ts';
import type { BatchRecord, DispatchReason, IsolationResult, RequestRecord } from '../request-record.ts';
import { STAGES } from '../stage-clock.ts';
import { DURATIONS } from './buckets.ts';
import { type CounterSeries, counterFamily, type Family, type HistogramSeries, type Labels } from './series.ts';
import { countWork, WORK_NUMBERS } from './work.ts';

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

/** The families of batches whose rows have lengths. */
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

/** The labels of requests that are counted together. */
export type KindLabels = Pick<RequestRecord, 'surface' | 'method' | 'outcome'>;

/** Requests that are counted together: always the same object for them. */
export interface RequestKind extends KindLabels {
  readonly model: string;
  /** The histogram of their durations, and its series. */
  readonly numbers: Float64Array;
  readonly duration: HistogramSeries;
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

/** Batches that left the queue for the same reason, and had the same outcome. */
interface BatchKind extends Pick<BatchRecord, 'reason' | 'outcome'> {
  readonly count: CounterSeries;
}

export class SignatureTotals {
  readonly labels: SignatureLabels;
  readonly #numbers = new Float64Array(STAGES.length * DURATIONS.width);
  /** The numbers of work.ts, which are never set back. */
  readonly work = new Float64Array(WORK_NUMBERS);
  readonly #families: SignatureFamilies;
  /** Created with the first request or batch. */
  #stages: readonly HistogramSeries[] | undefined;
  readonly #requests: RequestKind[] = [];
  readonly #batches: BatchKind[] = [];
  readonly #isolations = new Map<IsolationResult, CounterSeries>();
  readonly #sheds = new Map<string, CounterSeries>();
  #batch: BatchSeries | undefined;
  #elements: ElementSeries | undefined;
  /** The last request's and batch's, which are mostly the next ones' too. */
  #lastRequest: RequestKind | undefined;
  #lastBatch: BatchKind | undefined;

  constructor(families: SignatureFamilies, labels: SignatureLabels) {
    this.labels = labels;
    this.#families = families;
  }

  /** Requests of one kind, at places `from` to `to` − 1. */
  recordColumns(labels: KindLabels, ring: RequestRing, from: number, to: number): RequestKind {
    const kind = this.#kindOf(labels);
    this.#stages ??= this.#openStages();
    const [first, last] = [STAGE_INSTANTS, STAGE_INSTANTS + STAGES.length];
    countLengths({ ring, from, to, begin: first, end: last, least: -Infinity }, kind.numbers, 0);
    for (let stage = 0; stage < STAGES.length; stage++) {
      const begin = STAGE_INSTANTS + stage;
      // A skipped stage has no length and is left out, or it would drown those that were gone through.
      countLengths({ ring, from, to, begin, end: begin + 1, least: 0 }, this.#numbers, stage * DURATIONS.width);
    }
    return kind;
  }

  /** `traceId` becomes an exemplar; undefined where the request's spans are not exported. */
  recordRequest(record: RequestRecord, traceId: string | undefined): void {
    const kind = this.#kindOf(record);
    if (traceId !== undefined) this.#exemplify(record, kind.duration, traceId);
    if (record.error !== undefined) this.#recordShed(record.error);
  }

  recordBatch(record: BatchRecord): void {
    countWork(this.work, record);
    this.#stages ??= this.#openStages();
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
    this.#batchKindOf(record).count.add(1);
    if (record.isolation !== undefined) this.#recordIsolation(record.isolation, record.reason);
  }

  #openStages(): readonly HistogramSeries[] {
    const { width } = DURATIONS;
    return STAGES.map((stage, i) =>
      this.#families.stages.open({ stage, ...this.labels }, this.#numbers.subarray(i * width, (i + 1) * width)),
    );
  }

  #exemplify({ stages }: RequestRecord, duration: HistogramSeries, traceId: string): void {
    const { finishedAt } = stages;
    duration.exemplify((finishedAt - stages.startedAt) / MS_PER_SECOND, traceId, finishedAt);
    for (const [stage, series] of this.#stages!.entries()) {
      const lengthMs = stages.lengthOf(stage);
      if (lengthMs > 0) series.exemplify(lengthMs / MS_PER_SECOND, traceId, finishedAt);
    }
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

  #kindOf(labels: KindLabels): RequestKind {
    const { surface, method, outcome } = labels;
    const isOf = (kind: RequestKind | undefined): boolean =>
      kind?.outcome === outcome && kind.method === method && kind.surface === surface;
    if (!isOf(this.#lastRequest)) this.#lastRequest = this.#requests.find(isOf) ?? this.#openKind(labels);
    return this.#lastRequest!;
  }

  #openKind({ surface, method, outcome }: KindLabels): RequestKind {
    const { model } = this.labels;
    const numbers = new Float64Array(DURATIONS.width);
    const kind: RequestKind = {
      ...{ surface, method, model, outcome, numbers },
      duration: this.#families.requests.open({ surface, method, ...this.labels, outcome }, numbers),
    };
    this.#requests.push(kind);
    return kind;
  }

  /** Counts a failed batch. A part of it that fails and is split again is not counted again. */
  #recordIsolation(result: IsolationResult, reason: DispatchReason): void {
    if (result === 'run_again' && reason === 'isolation') return;
    const found = this.#isolations.get(result);
    const series = found ?? this.#families.isolations.open({ ...this.labels, result });
    if (found === undefined) this.#isolations.set(result, series);
    series.add(1);
  }

  #batchKindOf({ reason, outcome }: BatchRecord): BatchKind {
    const isOf = (kind: BatchKind | undefined): boolean => kind?.reason === reason && kind.outcome === outcome;
    if (!isOf(this.#lastBatch)) {
      this.#lastBatch = this.#batches.find(isOf);
      if (this.#lastBatch === undefined) {
        const count = this.#families.batches.open({ ...this.labels, reason, outcome });
        this.#lastBatch = { reason, outcome, count };
        this.#batches.push(this.#lastBatch);
      }
    }
    return this.#lastBatch!;
  }
}

/** Times between two instants of the requests at places `from` to `to` − 1, those above `least` ms. */
interface Lengths {
  readonly ring: RequestRing;
  readonly from: number;
  readonly to: number;
  readonly begin: number;
  readonly end: number;
  readonly least: number;
}

/** Counts them in the histogram at index `at`. */
function countLengths({ ring, from, to, begin, end, least }: Lengths, numbers: Float64Array, at: number): void {
  const column = ring.numbers;
  const durations = DURATIONS;
  for (let place = from * NUMBERS; place < to * NUMBERS; place += NUMBERS) {
    const lengthMs = column[place + end]! - column[place + begin]!;
    if (lengthMs > least) durations.count(numbers, at, lengthMs / MS_PER_SECOND);
  }
}
