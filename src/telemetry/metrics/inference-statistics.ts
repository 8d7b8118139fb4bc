/**
 * Totals of each model version since the start, as the statistics extension of the Open Inference Protocol wants them:
 * requests and their times, by outcome and stage; runs and their times, by size. All protocols' requests count.
 *
 *   queue           waits for a slot       compute_input   rows are copied together
 *   compute_infer   the host runs them     compute_output  outputs are divided
 *
 * https://github.com/triton-inference-server/server, docs/protocol/extension_statistics.md
 */
import { type Clock, type Instant, wallOf } from '../../core/clock.ts';
import type { BatchRecord, RequestRecord } from '../request-record.ts';
import { STAGE_BATCH, STAGE_EXECUTE, STAGE_QUEUE, STAGE_SPLIT } from '../stage-clock.ts';

/** How often, and how long in all. */
export interface TimeTotal {
  readonly count: number;
  readonly ms: number;
}

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
  /** Rows of the requests that succeeded. */
  readonly inferenceCount: number;
  /** Runs that succeeded. */
  readonly executionCount: number;
  readonly success: TimeTotal;
  readonly fail: TimeTotal;
  /** These four are of requests that succeeded. */
  readonly queue: TimeTotal;
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

class Runs implements RunTotals {
  readonly computeInput = new Total();
  readonly computeInfer = new Total();
  readonly computeOutput = new Total();
}

class VersionTotals extends Runs implements VersionStatistics {
  readonly model: string;
  readonly version: string;
  inferenceCount = 0;
  executionCount = 0;
  readonly success = new Total();
  readonly fail = new Total();
  readonly queue = new Total();
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

  addRequest({ stages, outcome, rows }: RequestRecord): void {
    const { finishedAt } = stages;
    this.lastEnd = finishedAt;
    if (outcome !== 'ok') {
      this.fail.add(finishedAt - stages.startedAt);
      return;
    }
    this.success.add(finishedAt - stages.startedAt);
    this.inferenceCount += rows;
    this.queue.add(stages.lengthOf(STAGE_QUEUE));
    this.computeInput.add(stages.lengthOf(STAGE_BATCH));
    this.computeInfer.add(stages.lengthOf(STAGE_EXECUTE));
    this.computeOutput.add(stages.lengthOf(STAGE_SPLIT));
  }

  addRun({ rows, batchStart, executeStart, splitStart, end }: BatchRecord): void {
    let runs = this.runs.get(rows);
    if (runs === undefined) {
      runs = new Runs();
      this.runs.set(rows, runs);
    }
    this.executionCount += 1;
    runs.computeInput.add(executeStart - batchStart);
    runs.computeInfer.add(splitStart - executeStart);
    runs.computeOutput.add(end - splitStart);
  }
}

export class InferenceStatistics {
  readonly #clock: Clock;
  readonly #versions = new Map<string, Map<string, VersionTotals>>();
  /** The last record's, which is mostly the next one's too. */
  #last: VersionTotals | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A request that runs a model; one whose model was not found is in no version's totals. */
  recordRequest(record: RequestRecord): void {
    if (record.version !== '') this.#totalsOf(record.model, record.version).addRequest(record);
  }

  recordBatch(record: BatchRecord): void {
    if (record.outcome === 'ok') this.#totalsOf(record.model, record.version).addRun(record);
  }

  /** Undefined: the version has had no request yet. Totals go on changing. */
  of(model: string, version: string): VersionStatistics | undefined {
    return this.#versions.get(model)?.get(version);
  }

  /** Every version that has had a request. */
  all(): readonly VersionStatistics[] {
    return [...this.#versions.values()].flatMap((versions) => [...versions.values()]);
  }

  /** Forgets an unloaded version. */
  forgetVersion(model: string, version: string): void {
    const versions = this.#versions.get(model);
    versions?.delete(version);
    if (versions?.size === 0) this.#versions.delete(model);
    this.#last = undefined;
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
