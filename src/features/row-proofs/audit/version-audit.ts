/**
 * The audits of one version: traffic goes on proving that its requests may share runs. From time to time a shared run is
 * copied, and later, while the model is idle, its rows are asked again one by one (judge-run.ts).
 *
 *   shared run ─ due, small, affordable ─▶ copied ─▶ idle moments ─▶ rows alone ─▶ same │ transient │ …    counted
 *                                            └ one at a time                        └─ different ─▶ refute: sharing ends
 *
 * A signature whose sharing has been refuted is not audited any more, nor one whose answers are unsteady.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../../core/clock.ts';
import { ServingError } from '../../../core/errors.ts';
import type { Batch, BatchResult, Executor } from '../../../core/executor.ts';
import type { Signature, Signatures } from '../../../core/signature.ts';
import { copyOf, memoryOf, type TensorMap } from '../../../core/tensor.ts';
import type { ServedLoad } from '../../../models/loading/load-steps.ts';
import { ProofEnded } from '../proof-runs.ts';
import type { AuditBudget } from './audit-budget.ts';
import type { AuditResult } from './audit-metrics.ts';
import { AuditSchedule } from './audit-schedule.ts';
import { AuditedExecutor, type RunTaker } from './audited-executor.ts';
import { AuditGivenUp, IdleMoments } from './idle-moments.ts';
import { type Fault, type OwnTolerance, RunJudge, type Suspect, type Verdict } from './judge-run.ts';
import { costOf, RowTrials } from './row-trials.ts';
import { OutputsMisfit, type RunInputs, SharedRun } from './shared-run.ts';

export interface VersionAuditOptions {
  readonly clock: Clock;
  /** Runs the rows alone. */
  readonly executor: Executor;
  readonly budget: AuditBudget;
  /** Requests wait for some model. */
  readonly isServerBusy: () => boolean;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  readonly events: AuditEvents;
}

export interface AuditEvents {
  onResult(result: AuditResult): void;
  onTransient(signature: string, suspect: Suspect): void;
  onUnsteady(signature: string): void;
  onInternalError(error: unknown): void;
  /** Ends what is at fault. Returns whether the signature is to be audited further. Never throws. */
  refute(signature: string, fault: Fault, suspect: Suspect): boolean;
}

/** Inputs and outputs of a run that is copied. */
export const MOST_BYTES = 8 * 2 ** 20;
/** Rows of a run that are asked again, chosen at random. */
export const MOST_ROWS = 16;
/** The runs of all rows in halves, which take no longer than the run itself did. */
const HALVES = 2;
/** So many large differences that were not seen again are one too many. */
const MOST_TRANSIENTS = 2;

interface TakenRun extends RunInputs {
  readonly startedAt: number;
}

export class VersionAudit {
  readonly #options: VersionAuditOptions;
  readonly #moments: IdleMoments;
  /** Signatures that are audited; none before the version is served. */
  readonly #audited = new Map<string, Signature>();
  readonly #stopped = new Set<string>();
  readonly #own = new Map<string, OwnTolerance>();
  readonly #transients = new Map<string, number>();
  #load: ServedLoad | undefined;
  /** A copy waits for its run, or is audited. */
  #isPending = false;
  #isEnded = false;
  /** The approximate cost of asking for one row the last time, in ms of a core. */
  #rowMs = 0;

  constructor(options: VersionAuditOptions) {
    this.#options = options;
    this.#moments = new IdleMoments(options.clock, () => this.#isIdle());
  }

  /** The executor of the version with the audits around it. */
  around(inner: Executor): Executor {
    const schedule = new AuditSchedule(this.#options.random);
    const taker: RunTaker<TakenRun> = {
      take: (batch) => this.#take(batch),
      nextGap: () => schedule.nextGap(),
      keep: (copy, result) => this.#keep(copy, result),
      drop: () => this.#done(),
    };
    return new AuditedExecutor(inner, taker);
  }

  /** The version is served with these signatures. Call once. */
  serve(load: ServedLoad, signatures: Signatures): void {
    this.#load = load;
    this.update(signatures);
  }

  /** These are served otherwise than before. */
  update(changed: Signatures): void {
    for (const [name, signature] of changed) {
      if (signature.batchAxis.kind === 'none' || this.#stopped.has(name)) this.#audited.delete(name);
      else this.#audited.set(name, signature);
    }
  }

  /** The signature is not audited any more. */
  stop(signature: string): void {
    this.#stopped.add(signature);
    this.#audited.delete(signature);
  }

  /** No audit follows, and the one in progress makes no further run. Idempotent. */
  end(): void {
    this.#isEnded = true;
    this.#audited.clear();
    this.#moments.end();
  }

  #take({ signatureName, inputs, outputs, size, origin }: Batch): TakenRun | undefined {
    const signature = this.#audited.get(signatureName);
    const shares = origin?.shares;
    if (this.#isPending || signature === undefined || shares === undefined) return undefined;
    if (this.#options.budget.leftMs < this.#rowMs || memoryOf(inputs) > MOST_BYTES) return undefined;
    const copies = copiesOf(inputs);
    if (copies === undefined) return undefined;
    this.#isPending = true;
    const lengths = shares.flatMap(({ rows, unpadded }) => new Array<number | undefined>(rows).fill(unpadded));
    const startedAt = this.#options.clock.nowMs();
    return { signatureName, signature, inputs: copies, wanted: outputs, size, lengths, startedAt };
  }

  #keep(taken: TakenRun, { outputs, runStart, runEnd }: BatchResult): boolean {
    const { clock, executor, budget } = this.#options;
    const runMs = runStart !== undefined && runEnd !== undefined ? runEnd - runStart : clock.nowMs() - taken.startedAt;
    const bytes = memoryOf(taken.inputs) + memoryOf(outputs);
    const rows = taken.lengths.length;
    // A row alone takes no longer than the run did.
    this.#rowMs = costOf(runMs, executor, bytes / Math.max(1, taken.size));
    const affordable = Math.floor(budget.leftMs / this.#rowMs);
    const hasHalves = rows > Math.min(MOST_ROWS, affordable) && affordable > HALVES;
    const chosen = this.#chosen(rows, Math.min(MOST_ROWS, rows, hasHalves ? affordable - HALVES : affordable));
    const copies = this.#isEnded || bytes > MOST_BYTES || affordable < 1 ? undefined : copiesOf(outputs);
    if (copies === undefined) {
      this.#done();
      return false;
    }
    void this.#audit(taken, copies, runMs, (judge) => judge.judge(chosen, hasHalves)).finally(() => this.#done());
    return true;
  }

  #done(): void {
    this.#isPending = false;
  }

  /** Never rejects. */
  async #audit(
    taken: TakenRun,
    outputs: TensorMap,
    runMs: number,
    ask: (judge: RunJudge) => Promise<Verdict>,
  ): Promise<void> {
    const { clock, executor, budget, events } = this.#options;
    const moments = this.#moments;
    // The answers are sent first.
    await setImmediate();
    try {
      const trials = new RowTrials(new SharedRun(taken, outputs), { executor, clock, budget, moments, runMs });
      const verdict = await ask(new RunJudge(trials, this.#ownOf(taken.signatureName)));
      if (!this.#isEnded) this.#conclude(taken.signatureName, verdict);
    } catch (error) {
      if (error instanceof ProofEnded || this.#isEnded) return;
      events.onResult(error instanceof AuditGivenUp ? 'given_up' : 'failed');
      const isExpected = [AuditGivenUp, OutputsMisfit, ServingError].some((known) => error instanceof known);
      if (!isExpected) events.onInternalError(error);
    }
  }

  #conclude(name: string, verdict: Verdict): void {
    const { events } = this.#options;
    events.onResult(verdict.kind);
    switch (verdict.kind) {
      case 'same':
        return;
      case 'unsteady':
        this.stop(name);
        events.onUnsteady(name);
        return;
      case 'transient':
        this.#onTransient(name, verdict);
        return;
      case 'different':
        this.#refute(name, verdict);
    }
  }

  #onTransient(name: string, { isLarge, fault, suspect }: Verdict & { kind: 'transient' }): void {
    const count = (this.#transients.get(name) ?? 0) + (isLarge ? 1 : 0);
    this.#transients.set(name, count);
    this.#options.events.onTransient(name, suspect);
    if (count >= MOST_TRANSIENTS) this.#refute(name, { fault, suspect });
  }

  #refute(name: string, { fault, suspect }: Pick<Verdict & { kind: 'different' }, 'fault' | 'suspect'>): void {
    // It may have been put in another's place while the audit ran.
    if (!this.#audited.has(name)) return;
    if (!this.#options.events.refute(name, fault, suspect)) this.stop(name);
  }

  /** Rows at random, in order. */
  #chosen(count: number, most: number): readonly number[] {
    const { random } = this.#options;
    const rows = Array.from({ length: count }, (_, row) => row);
    for (let i = 0; i < Math.max(0, most); i++) {
      const other = i + Math.floor(random() * (count - i));
      [rows[i], rows[other]] = [rows[other]!, rows[i]!];
    }
    return rows.slice(0, Math.max(0, most)).sort((a, b) => a - b);
  }

  #ownOf(name: string): OwnTolerance {
    const own = this.#own.get(name) ?? { share: 0, deviants: 0 };
    this.#own.set(name, own);
    return own;
  }

  #isIdle(): boolean {
    const load = this.#load;
    if (load === undefined || load.queuedTasks > 0 || load.runningBatches > 0) return false;
    return !this.#options.isServerBusy();
  }
}

/** The buffers of a run's tensors are moved to threads, and reused. Undefined = there is no memory for copies. */
function copiesOf(tensors: TensorMap): TensorMap | undefined {
  try {
    return new Map([...tensors].map(([name, tensor]) => [name, copyOf(tensor)]));
  } catch {
    return undefined;
  }
}
