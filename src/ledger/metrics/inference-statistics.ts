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
import { type Clock, wallOf } from '../../core/clock.ts';
import * as at from './inference-counts.ts';
import type { SignatureTotals } from './signature-totals.ts';
import type { Totals } from './totals.ts';

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

export class InferenceStatistics {
  readonly #totals: Totals;
  readonly #clock: Clock;

  constructor(totals: Totals, clock: Clock) {
    this.#totals = totals;
    this.#clock = clock;
  }

  /** Undefined: the version has had no request yet. */
  of(model: string, version: string): VersionStatistics | undefined {
    if (version === '') return undefined;
    return this.#sum(model, version, [...this.#totals.signaturesOf(model, version)]);
  }

  /** Every version that has had a request. */
  all(): readonly VersionStatistics[] {
    return this.#totals.versions().flatMap(([model, version]) => this.of(model, version) ?? []);
  }

  #sum(model: string, version: string, signatures: readonly SignatureTotals[]): VersionStatistics | undefined {
    const numbers = new Float64Array(at.SERVED_NUMBERS);
    const byRows = new Map<number, RunTotals>();
    for (const { served, runs } of signatures) {
      const lastEnd = Math.max(numbers[at.LAST_END]!, served[at.LAST_END]!);
      for (let i = 0; i < at.SERVED_NUMBERS; i++) numbers[i]! += served[i]!;
      numbers[at.LAST_END] = lastEnd;
      for (const [rows, added] of runs.byRows) byRows.set(rows, sumOfRuns(byRows.get(rows), added));
    }
    const time = (count: number, ms: number): TimeTotal => ({ count: numbers[count]!, ms: numbers[ms]! });
    const success = time(at.SUCCEEDED, at.SUCCEEDED_MS);
    const fail = time(at.FAILED, at.FAILED_MS);
    if (success.count + fail.count + byRows.size === 0) return undefined;
    const lastEnd = numbers[at.LAST_END]!;
    const failures = at.FAILURE_REASONS.map((reason, i) => [reason, numbers[at.FAILURES + i]!] as const);
    return {
      model,
      version,
      lastInferenceMs: lastEnd === 0 ? 0 : Math.round(wallOf(this.#clock, lastEnd)),
      inferenceCount: numbers[at.RAN_ROWS]!,
      executionCount: [...byRows.values()].reduce((sum, { computeInput }) => sum + computeInput.count, 0),
      success,
      fail,
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

function sumOfRuns(before: RunTotals | undefined, added: Float64Array): RunTotals {
  const total = (earlier: TimeTotal | undefined, ms: number): TimeTotal => ({
    count: (earlier?.count ?? 0) + added[at.RUNS]!,
    ms: (earlier?.ms ?? 0) + added[ms]!,
  });
  return {
    computeInput: total(before?.computeInput, at.RUNS_INPUT_MS),
    computeInfer: total(before?.computeInfer, at.RUNS_INFER_MS),
    computeOutput: total(before?.computeOutput, at.RUNS_OUTPUT_MS),
  };
}
