/**
 * The counts of the statistics extension (inference-statistics.ts) for one version: SERVED_NUMBERS numbers for its
 * requests, and Runs for its batches.
 */
import type { BatchRecord, RequestOutcome, RequestRecord, StepRecord } from '../../../ledger/request-record.ts';
import { STAGE_BATCH, STAGE_EXECUTE, STAGE_QUEUE, STAGE_SPLIT } from '../../../ledger/stage-clock.ts';

/** Indices of the numbers: counts, and times in ms. */
export const SUCCEEDED = 0;
export const SUCCEEDED_MS = 1;
export const FAILED = 2;
export const FAILED_MS = 3;
export const QUEUE_MS = 4;
export const CACHE_HITS = 5;
export const CACHE_HITS_MS = 6;
export const CACHE_MISSES = 7;
export const CACHE_MISSES_MS = 8;
/** Requests that succeeded and ran, and their rows. */
export const RAN = 9;
export const RAN_ROWS = 10;
export const INPUT_MS = 11;
export const INFER_MS = 12;
export const OUTPUT_MS = 13;
/** The end of the last one. */
export const LAST_END = 14;
/** One number for each of FAILURE_REASONS. */
export const FAILURES = 15;

/** Why requests failed, in Triton's words: too late or too many, cancelled, by the runtime, for any other reason. */
export const FAILURE_REASONS = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

export const SERVED_NUMBERS = FAILURES + FAILURE_REASONS.length;

const REASON_OF: Readonly<Partial<Record<RequestOutcome, FailureReason>>> = {
  overloaded: 'REJECTED',
  deadline_exceeded: 'REJECTED',
  cancelled: 'CANCELED',
  backend_failed: 'BACKEND',
  backend_unavailable: 'BACKEND',
  worker_lost: 'BACKEND',
  worker_crashed: 'BACKEND',
};

/** Records that are counted in the same way. */
export type Served = RequestRecord | StepRecord;

/** Indices of what Runs has for each number of rows. */
export const RUNS = 0;
export const RUNS_INPUT_MS = 1;
export const RUNS_INFER_MS = 2;
export const RUNS_OUTPUT_MS = 3;

/** Runs that succeeded, by their rows. */
export class Runs {
  readonly byRows = new Map<number, Float64Array>();
  /** The last run's rows and numbers, which are often the next one's. */
  #lastRows = -1;
  #last: Float64Array | undefined;

  countBatch({ rows, batchStart, executeStart, splitStart, end }: BatchRecord): void {
    this.count(rows, executeStart - batchStart, splitStart - executeStart, end - splitStart);
  }

  count(rows: number, input: number, infer: number, output: number): void {
    let numbers = rows === this.#lastRows ? this.#last : this.byRows.get(rows);
    if (numbers === undefined) {
      numbers = new Float64Array(RUNS_OUTPUT_MS + 1);
      this.byRows.set(rows, numbers);
    }
    this.#lastRows = rows;
    this.#last = numbers;
    numbers[RUNS]! += 1;
    numbers[RUNS_INPUT_MS]! += input;
    numbers[RUNS_INFER_MS]! += infer;
    numbers[RUNS_OUTPUT_MS]! += output;
  }
}

/** Counts a request, or a step, of `rows` rows in the numbers. An ensemble's is its own run. */
export function countServed(numbers: Float64Array, runs: Runs, served: Served, rows: number): void {
  const { stages, outcome, cache, cacheMs = 0, steps } = served;
  const { finishedAt } = stages;
  const tookMs = finishedAt - stages.startedAt;
  if (finishedAt > numbers[LAST_END]!) numbers[LAST_END] = finishedAt;
  if (outcome !== 'ok') {
    numbers[FAILED]! += 1;
    numbers[FAILED_MS]! += tookMs;
    numbers[FAILURES + FAILURE_REASONS.indexOf(REASON_OF[outcome] ?? 'OTHER')]! += 1;
    return;
  }
  numbers[SUCCEEDED]! += 1;
  numbers[SUCCEEDED_MS]! += tookMs;
  numbers[QUEUE_MS]! += stages.lengthOf(STAGE_QUEUE);
  if (cache !== undefined) {
    const isMiss = cache === 'miss';
    numbers[isMiss ? CACHE_MISSES : CACHE_HITS]! += 1;
    numbers[isMiss ? CACHE_MISSES_MS : CACHE_HITS_MS]! += cacheMs;
    if (!isMiss) return;
  }
  const input = computeMs(served, STAGE_BATCH);
  const infer = computeMs(served, STAGE_EXECUTE);
  const output = computeMs(served, STAGE_SPLIT);
  numbers[RAN]! += 1;
  numbers[RAN_ROWS]! += rows;
  numbers[INPUT_MS]! += input;
  numbers[INFER_MS]! += infer;
  numbers[OUTPUT_MS]! += output;
  if (steps !== undefined) runs.count(rows, input, infer, output);
}

/** The time in a stage; of an ensemble, that of its steps, which have not all run if a cache answered some. */
function computeMs({ stages, steps }: Served, stage: number): number {
  if (steps === undefined) return stages.lengthOf(stage);
  let ms = 0;
  for (const step of steps) ms += step.stages.finishedAt === 0 ? 0 : computeMs(step, stage);
  return ms;
}
