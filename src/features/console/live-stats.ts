/**
 * Counts for the console's live view, by model version, from one `take` to the next. They follow the ledger only
 * while a console is open.
 *
 * Requests for models that are not served are counted under the model '', and those for versions that are not loaded
 * under the version ''.
 */
import { ByVersion } from '../../ledger/by-version.ts';
import { BUCKETS, type BucketCount, bucketOf, sparse } from '../../ledger/latency-buckets.ts';
import type { BatchRecord, DispatchReason, RequestOutcome, RequestRecord } from '../../ledger/request-record.ts';
import { STAGES } from '../../ledger/stage-clock.ts';

/** Counts of one version in one window. */
export interface LiveCounts {
  readonly model: string;
  readonly version: string;
  readonly requests: number;
  /** Requests that succeeded before their deadline. */
  readonly inTime: number;
  readonly rows: number;
  /** Failed requests by kind of error. */
  readonly failures: Readonly<Record<string, number>>;
  /** The `overloaded` ones of them by reason; docs/why/scheduler.md lists the reasons. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Durations of the requests that succeeded. */
  readonly latency: readonly BucketCount[];
  /** Time that those spent in each of the eight stages, summed, in ms. */
  readonly stagesMs: readonly number[];
  readonly batches: LiveBatches;
}

/** Batches whose run succeeded. */
export interface LiveBatches {
  readonly count: number;
  readonly rows: number;
  /** Rows that were added to reach an allowed size. */
  readonly padding: number;
  /** Element i counts the batches of more than 2^(i−1) rows and at most 2^i. */
  readonly sizes: readonly number[];
  readonly reasons: Readonly<Partial<Record<DispatchReason, number>>>;
  /** Length of all runs, in ms. */
  readonly runMs: number;
  /** Runs with a forecast, and those of them that took at most FORECAST_MARGIN times as long. */
  readonly forecast: number;
  readonly asForecast: number;
  /** Size with padding and length of the run in ms, for some of the batches. */
  readonly points: readonly (readonly [size: number, runMs: number])[];
}

const MOST_POINTS = 24;
const FORECAST_MARGIN = 1.5;
const SIZE_CLASSES = 12;

class VersionCounts implements LiveCounts {
  readonly model: string;
  readonly version: string;
  requests = 0;
  inTime = 0;
  rows = 0;
  readonly failures: Record<string, number> = {};
  readonly refusals: Record<string, number> = {};
  readonly stagesMs = STAGES.map(() => 0);
  readonly batches = {
    count: 0,
    rows: 0,
    padding: 0,
    sizes: Array.from({ length: SIZE_CLASSES }, () => 0),
    reasons: {} as Partial<Record<DispatchReason, number>>,
    runMs: 0,
    forecast: 0,
    asForecast: 0,
    points: [] as [number, number][],
  };
  readonly #durations = new Uint32Array(BUCKETS);

  constructor(model: string, version: string) {
    this.model = model;
    this.version = version;
  }

  get latency(): readonly BucketCount[] {
    return sparse(this.#durations);
  }

  addRequest({ stages, outcome, rows, deadline, error }: RequestRecord): void {
    this.requests += 1;
    this.rows += rows;
    if (outcome !== 'ok') {
      this.#addFailure(outcome, error?.attributes?.['reason']);
      return;
    }
    if (stages.finishedAt <= deadline) this.inTime += 1;
    this.#durations[bucketOf(stages.finishedAt - stages.startedAt)]! += 1;
    for (let stage = 0; stage < STAGES.length; stage++) this.stagesMs[stage]! += stages.lengthOf(stage);
  }

  addBatch({ rows, size, reason, executeStart, splitStart, expectedMs }: BatchRecord): void {
    const { batches } = this;
    const runMs = splitStart - executeStart;
    batches.count += 1;
    batches.rows += rows;
    batches.padding += size - rows;
    batches.sizes[sizeClass(size)]! += 1;
    batches.reasons[reason] = (batches.reasons[reason] ?? 0) + 1;
    batches.runMs += runMs;
    if (expectedMs !== undefined) {
      batches.forecast += 1;
      if (runMs <= expectedMs * FORECAST_MARGIN) batches.asForecast += 1;
    }
    if (batches.points.length < MOST_POINTS) batches.points.push([size, runMs]);
  }

  #addFailure(kind: RequestOutcome, reason: unknown): void {
    this.failures[kind] = (this.failures[kind] ?? 0) + 1;
    if (kind !== 'overloaded' || typeof reason !== 'string') return;
    this.refusals[reason] = (this.refusals[reason] ?? 0) + 1;
  }
}

export class LiveStats {
  readonly #versions = new ByVersion((model, version) => new VersionCounts(model, version));

  recordRequest(record: RequestRecord): void {
    this.#versions.of(record.model, record.version).addRequest(record);
  }

  recordBatch(record: BatchRecord): void {
    if (record.outcome === 'ok') this.#versions.of(record.model, record.version).addBatch(record);
  }

  /** The counts since the last call, of versions that had any. */
  take(): LiveCounts[] {
    const taken = [...this.#versions.values()];
    this.#versions.clear();
    return taken;
  }
}

function sizeClass(size: number): number {
  return Math.min(SIZE_CLASSES - 1, size <= 1 ? 0 : 32 - Math.clz32(size - 1));
}
