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
import { type Clock, type Instant, wallOf } from '../../core/clock.ts';
import type { BatchRecord, RequestOutcome, RequestRecord, StepRecord } from '../request-record.ts';
import { STAGE_BATCH, STAGE_EXECUTE, STAGE_QUEUE, STAGE_SPLIT } from '../stage-clock.ts';

/** How often, and how long in all. */
export interface TimeTotal {
  readonly count: number;
  readonly ms: number;
}

/** Why requests failed, in Triton's words: too late or too many, cancelled, by the runtime, for any other reason. */
export const FAILURE_REASONS = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

const REASON_OF: Readonly<Partial<Record<RequestOutcome, FailureReason>>> = {
  overloaded: 'REJECTED',
  deadline_exceeded: 'REJECTED',
  cancelled: 'CANCELED',
  backend_failed: 'BACKEND',
  backend_unavailable: 'BACKEND',
  worker_lost: 'BACKEND',
  worker_crashed: 'BACKEND',
};

/** Of the runs with so many rows of requests. */
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
  readonly failures: ReadonlyMap<FailureReason, number>;
  /** Of requests that succeeded; the compute times of those that ran. */
  readonly queue: TimeTotal;
  /** The times in which answers were looked for. */
  readonly cacheHit: TimeTotal;
  readonly cacheMiss: TimeTotal;
  readonly computeInput: TimeTotal;
  readonly computeInfer: TimeTotal;
  readonly computeOutput: TimeTotal;
  /** By rows. */
  readonly runs: ReadonlyMap<number, RunTotals>;
}

class Total implements TimeTotal {
  count = 0;
  ms = 0;

  add(ms: number): void {
    this.count += 1;
    this.ms += ms;
  }
}

/** What a request and a step have in common. */
type Served = RequestRecord | StepRecord;

class Runs implements RunTotals {
  readonly computeInput = new Total();
  readonly computeInfer = new Total();
  readonly computeOutput = new Total();

  add(input: number, infer: number, output: number): void {
    this.computeInput.add(input);
    this.computeInfer.add(infer);
    this.computeOutput.add(output);
  }
}

class VersionTotals extends Runs implements VersionStatistics {
  readonly model: string;
  readonly version: string;
  inferenceCount = 0;
  executionCount = 0;
  readonly success = new Total();
  readonly fail = new Total();
  readonly failures = new Map<FailureReason, number>();
  readonly queue = new Total();
  readonly cacheHit = new Total();
  readonly cacheMiss = new Total();
  readonly runs = new Map<number, Runs>();
  lastEnd: Instant = 0;
  readonly #clock: Clock;

  constructor(model: string, version: string, clock: Clock) {
    super();
    this.model = model;
    this.version = version;
    this.#clock = clock;
  }

  get lastInferenceMs(): number {
    return this.lastEnd === 0 ? 0 : Math.round(wallOf(this.#clock, this.lastEnd));
  }

  addRequest(served: Served, rows: number): void {
    const { stages, outcome, cache, cacheMs = 0, steps } = served;
    const { finishedAt } = stages;
    this.lastEnd = Math.max(this.lastEnd, finishedAt);
    if (outcome !== 'ok') {
      this.fail.add(finishedAt - stages.startedAt);
      const reason = REASON_OF[outcome] ?? 'OTHER';
      this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
      return;
    }
    this.success.add(finishedAt - stages.startedAt);
    this.queue.add(stages.lengthOf(STAGE_QUEUE));
    if (cache === 'hit' || cache === 'coalesced') {
      this.cacheHit.add(cacheMs);
      return;
    }
    if (cache === 'miss') this.cacheMiss.add(cacheMs);
    this.inferenceCount += rows;
    const input = computeMs(served, STAGE_BATCH);
    const infer = computeMs(served, STAGE_EXECUTE);
    const output = computeMs(served, STAGE_SPLIT);
    this.add(input, infer, output);
    if (steps !== undefined) this.#addRun(rows, input, infer, output);
  }

  addBatch({ rows, batchStart, executeStart, splitStart, end }: BatchRecord): void {
    this.#addRun(rows, executeStart - batchStart, splitStart - executeStart, end - splitStart);
  }

  #addRun(rows: number, input: number, infer: number, output: number): void {
    let runs = this.runs.get(rows);
    if (runs === undefined) {
      runs = new Runs();
      this.runs.set(rows, runs);
    }
    this.executionCount += 1;
    runs.add(input, infer, output);
  }
}

/** The time in a stage; of an ensemble, that of its steps, which have not all run where some were answered by a cache. */
function computeMs({ stages, steps }: Served, stage: number): number {
  if (steps === undefined) return stages.lengthOf(stage);
  let ms = 0;
  for (const step of steps) ms += step.stages.finishedAt === 0 ? 0 : computeMs(step, stage);
  return ms;
}

export class InferenceStatistics {
  readonly #clock: Clock;
  readonly #settle: () => void;
  readonly #versions = new Map<string, Map<string, VersionTotals>>();
  /** The last record's, which is mostly the next one's too. */
  #last: VersionTotals | undefined;

  /** @param settle has everything recorded that ended before now */
  constructor(clock: Clock, settle: () => void = () => undefined) {
    this.#clock = clock;
    this.#settle = settle;
  }

  /** A request that runs a model; one whose model was not found is in no version's totals. */
  recordRequest(record: RequestRecord): void {
    if (record.version !== '') this.#add(record, record.rows);
  }

  recordBatch(record: BatchRecord): void {
    if (record.outcome === 'ok') this.#totalsOf(record.model, record.version).addBatch(record);
  }

  /** Undefined: the version has had no request yet. Totals go on changing. */
  of(model: string, version: string): VersionStatistics | undefined {
    this.#settle();
    return this.#versions.get(model)?.get(version);
  }

  /** Every version that has had a request. */
  all(): readonly VersionStatistics[] {
    this.#settle();
    return [...this.#versions.values()].flatMap((versions) => [...versions.values()]);
  }

  /** Forgets an unloaded version. */
  forgetVersion(model: string, version: string): void {
    const versions = this.#versions.get(model);
    versions?.delete(version);
    if (versions?.size === 0) this.#versions.delete(model);
    this.#last = undefined;
  }

  #add(served: Served, rows: number): void {
    this.#totalsOf(served.model, served.version).addRequest(served, rows);
    // One that has not ended was given up with its ensemble.
    for (const step of served.steps ?? []) if (step.stages.finishedAt !== 0) this.#add(step, rows);
  }

  #totalsOf(model: string, version: string): VersionTotals {
    const last = this.#last;
    if (last?.model === model && last.version === version) return last;
    const versions = this.#versions.get(model) ?? new Map<string, VersionTotals>();
    const totals = versions.get(version) ?? new VersionTotals(model, version, this.#clock);
    this.#versions.set(model, versions.set(version, totals));
    this.#last = totals;
    return totals;
  }
}
