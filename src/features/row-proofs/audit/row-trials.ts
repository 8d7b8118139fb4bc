/**
 * The runs by which an audit asks again: of a row alone, of a row in the company of its own copies, of the shared run as
 * it was. One at a time, each at a moment at which the model is idle, with a pause of twice the run before it.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../../core/clock.ts';
import type { Executor } from '../../../core/executor.ts';
import { byteLengthOfAll, type TensorMap } from '../../../core/tensor.ts';
import type { ProbeRow } from '../probe-layout.ts';
import type { AuditBudget } from './audit-budget.ts';
import type { IdleMoments } from './idle-moments.ts';
import type { Answers, SharedRun } from './shared-run.ts';

export interface RowTrialsOptions {
  readonly executor: Executor;
  readonly clock: Clock;
  readonly budget: AuditBudget;
  readonly moments: IdleMoments;
  /** A run takes about that long, in ms: those that last much longer are ended. */
  readonly runMs: number;
}

const PAUSE_FACTOR = 2;
/** The server's own work for a run and its comparison, in ms of a core: chosen well above what was measured. */
export const OWN_MS = 0.2;
const OWN_MS_PER_MIB = 8;
const SHORTEST_DEADLINE_MS = 10_000;
const DEADLINE_FACTOR = 10;

/** All methods reject as IdleMoments does, with OutputsMisfit, or with the error of the run. */
export class RowTrials {
  readonly run: SharedRun;
  readonly #options: RowTrialsOptions;
  #lastMs = 0;

  constructor(run: SharedRun, options: RowTrialsOptions) {
    this.run = run;
    this.#options = options;
  }

  /** The answer to a row without company; in a batch of a fixed size its company are copies of it. */
  async alone(row: number): Promise<TensorMap> {
    const count = this.run.layout.fixedRows ?? 1;
    return (await this.#of(new Array(count).fill(this.run.row(row))))(0);
  }

  /** The answers in a run as large as the shared one, all of whose rows are this one, at its own length. */
  copies(row: number): Promise<Answers> {
    return this.#of(new Array(this.run.of.size).fill(this.run.row(row)));
  }

  /** The same with the padding that the row had; answers at its place are cut back. */
  paddedCopies(row: number): Promise<Answers> {
    return this.#of(new Array(this.run.of.size).fill(this.run.paddedRow(row)), this.run.paddedTo);
  }

  /** The answers of the shared run, run again. */
  async again(): Promise<Answers> {
    const { inputs, size } = this.run.of;
    return this.run.answersOf(await this.#outputs(inputs, size), size, this.run.paddedTo);
  }

  /** The answers to all rows in two runs of half of them each, with the padding that they had. */
  async halves(): Promise<(row: number) => TensorMap> {
    const { run } = this;
    const halves: Answers[] = [];
    for (const first of [0, 1]) {
      const rows = run.of.lengths.flatMap((_, row) => (row % 2 === first ? [run.paddedRow(row)] : []));
      const filler = Math.max(0, (run.layout.fixedRows ?? 0) - rows.length);
      halves.push(await this.#of([...rows, ...new Array<ProbeRow>(filler).fill(rows.at(-1)!)], run.paddedTo));
    }
    return (row) => halves[row % 2]!(row >> 1, row);
  }

  /**
   * The answers in a run of rows that all have the length of this one: the others are cut to it, and where they are
   * shorter, a copy of this one stands in their place. Undefined if all are shorter.
   */
  async company(row: number): Promise<Answers | undefined> {
    const { run } = this;
    const { lengths, size } = run.of;
    const length = lengths[row] ?? run.paddedTo;
    const isShorter = (other: number): boolean => (lengths[other] ?? run.paddedTo ?? 0) < (length ?? 0);
    const own = run.row(row);
    const rows = Array.from({ length: size }, (_, other) =>
      other === row || other >= lengths.length || isShorter(other) ? own : run.rowOfLength(other, length),
    );
    return rows.every((each) => each === own) ? undefined : this.#of(rows);
  }

  async #of(rows: readonly ProbeRow[], paddedTo?: number): Promise<Answers> {
    return this.run.answersOf(await this.#outputs(this.run.layout.join(rows), rows.length), rows.length, paddedTo);
  }

  async #outputs(inputs: TensorMap, size: number): Promise<TensorMap> {
    const { executor, clock, budget, moments, runMs } = this.#options;
    const { signatureName, wanted } = this.run.of;
    // Requests for other models have their turn between two runs.
    await setImmediate();
    await moments.next(PAUSE_FACTOR * this.#lastMs);
    const startedAt = clock.nowMs();
    const deadline = startedAt + Math.max(SHORTEST_DEADLINE_MS, DEADLINE_FACTOR * runMs);
    let tookMs: number | undefined;
    let bytes = byteLengthOfAll(inputs);
    try {
      const result = await executor.run({ signatureName, inputs, outputs: wanted, size, deadline });
      const { runStart, runEnd, outputs } = result;
      if (runStart !== undefined && runEnd !== undefined) tookMs = runEnd - runStart;
      bytes += byteLengthOfAll(outputs);
      return outputs;
    } finally {
      this.#lastMs = tookMs ?? clock.nowMs() - startedAt;
      budget.spend(costOf(this.#lastMs, executor, bytes));
    }
  }
}

/** The core time of a run with what the server does for it, in ms. */
export function costOf(runMs: number, executor: Pick<Executor, 'threads'>, bytes = 0): number {
  return runMs * (executor.threads ?? 1) + OWN_MS + (OWN_MS_PER_MIB * bytes) / 2 ** 20;
}
