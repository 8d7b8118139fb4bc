/**
 * Totals of each model version since the start, as the statistics extension of the Open Inference Protocol wants them:
 * requests and their times, by outcome and stage; runs and their times, by size. All protocols' requests count, and the
 * steps of ensembles with their own models.
 *
 *   queue           waits for a slot       compute_input   rows are copied together
 *   compute_infer   the host runs them     compute_output  outputs are divided
 *   cache_hit       an answer that was kept, or that another request's run gave: it is a success with a time in the
 *                   queue, but its rows count for nothing, and it has no compute times
 *   cache_miss      an answer was looked for, and the request ran
 *
 * An ensemble's request is a run of its own, whose compute times are those of its steps.
 *
 * https://github.com/triton-inference-server/server, docs/protocol/extension_statistics.md
 */
import { type Clock, wallOf } from '../../../core/clock.ts';
import { ByVersion } from '../../../ledger/by-version.ts';
import type { BatchRecord, RequestRecord } from '../../../ledger/request-record.ts';
import * as at from './inference-counts.ts';

/** The number of times, and the sum of their durations. */
export interface TimeTotal {
  readonly count: number;
  readonly ms: number;
}

/** Totals of the runs with so many rows of requests. */
export interface RunTotals {
  readonly computeInput: TimeTotal;
  readonly computeInfer: TimeTotal;
  readonly computeOutput: TimeTotal;
}

export interface VersionStatistics {
  readonly model: string;
  readonly version: string;
  /** Unix time in ms of the last request's end; 0 before the first. */
  readonly lastInferenceMs: number;
  /** Rows of the requests that succeeded and ran. */
  readonly inferenceCount: number;
  /** Runs that succeeded. */
  readonly executionCount: number;
  readonly success: TimeTotal;
  readonly fail: TimeTotal;
  /** How many failed for each reason; absent = none. */
  readonly failures: ReadonlyMap<at.FailureReason, number>;
  /** Times of requests that succeeded; the compute times are of those that ran. */
  readonly queue: TimeTotal;
  /** The times in which answers were looked for. */
  readonly cacheHit: TimeTotal;
  readonly cacheMiss: TimeTotal;
  readonly computeInput: TimeTotal;
  readonly computeInfer: TimeTotal;
  readonly computeOutput: TimeTotal;
  /** The runs by their rows. */
  readonly runs: ReadonlyMap<number, RunTotals>;
}

/** The counts of one version. */
class VersionCounts {
  readonly model: string;
  readonly version: string;
  readonly numbers = new Float64Array(at.SERVED_NUMBERS);
  readonly runs = new at.Runs();

  constructor(model: string, version: string) {
    this.model = model;
    this.version = version;
  }
}

/** It follows the ledger (AppTelemetry.follow). */
export class InferenceStatistics {
  readonly #clock: Clock;
  readonly #settle: () => void;
  readonly #versions = new ByVersion((model, version) => new VersionCounts(model, version));

  /** `settle` has everything recorded that ended before now. */
  constructor(clock: Clock, settle: () => void = () => undefined) {
    this.#clock = clock;
    this.#settle = settle;
  }

  recordRequest(record: RequestRecord): void {
    // A request whose model was not found is in no version's statistics.
    if (record.version !== '') this.#count(record, record.rows);
  }

  recordBatch(record: BatchRecord): void {
    if (record.outcome === 'ok') this.#versions.of(record.model, record.version).runs.countBatch(record);
  }

  forgetVersion(model: string, version: string): void {
    this.#versions.forget(model, version);
  }

  /** Undefined: the version has had no request yet. */
  of(model: string, version: string): VersionStatistics | undefined {
    this.#settle();
    const counts = this.#versions.find(model, version);
    return counts && this.#read(counts);
  }

  /** Every version that has had a request. */
  all(): readonly VersionStatistics[] {
    this.#settle();
    return Array.from(this.#versions.values(), (counts) => this.#read(counts));
  }

  /** A step that has not ended was given up with its ensemble. */
  #count(served: at.Served, rows: number): void {
    if (served.stages.finishedAt === 0) return;
    const { numbers, runs } = this.#versions.of(served.model, served.version);
    at.countServed(numbers, runs, served, rows);
    if (served.steps !== undefined) for (const step of served.steps) this.#count(step, rows);
  }

  #read({ model, version, numbers, runs }: VersionCounts): VersionStatistics {
    const time = (count: number, ms: number): TimeTotal => ({ count: numbers[count]!, ms: numbers[ms]! });
    const lastEnd = numbers[at.LAST_END]!;
    const failures = at.FAILURE_REASONS.map((reason, i) => [reason, numbers[at.FAILURES + i]!] as const);
    const byRows = new Map(Array.from(runs.byRows, ([rows, counted]) => [rows, runTotals(counted)]));
    return {
      model,
      version,
      lastInferenceMs: lastEnd === 0 ? 0 : Math.round(wallOf(this.#clock, lastEnd)),
      inferenceCount: numbers[at.RAN_ROWS]!,
      executionCount: [...byRows.values()].reduce((sum, { computeInput }) => sum + computeInput.count, 0),
      success: time(at.SUCCEEDED, at.SUCCEEDED_MS),
      fail: time(at.FAILED, at.FAILED_MS),
      failures: new Map(failures.filter(([, count]) => count > 0)),
      queue: time(at.SUCCEEDED, at.QUEUE_MS),
      cacheHit: time(at.CACHE_HITS, at.CACHE_HITS_MS),
      cacheMiss: time(at.CACHE_MISSES, at.CACHE_MISSES_MS),
      computeInput: time(at.RAN, at.INPUT_MS),
      computeInfer: time(at.RAN, at.INFER_MS),
      computeOutput: time(at.RAN, at.OUTPUT_MS),
      runs: byRows,
    };
  }
}

function runTotals(counted: Float64Array): RunTotals {
  const total = (ms: number): TimeTotal => ({ count: counted[at.RUNS]!, ms: counted[ms]! });
  return {
    computeInput: total(at.RUNS_INPUT_MS),
    computeInfer: total(at.RUNS_INFER_MS),
    computeOutput: total(at.RUNS_OUTPUT_MS),
  };
}
