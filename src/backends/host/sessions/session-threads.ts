/**
 * The threads of a hosted model's runs: one at first; all the cores where a trial with the real traffic shows that more is
 * answered (plan-trial.ts); never more than the cores that there are.
 *
 * A trial opens the other plan's sessions beside those that serve. While it lasts both are loaded; then the worse ones
 * end after their batches. No batch fails.
 */
import type { Instant, TimerHandle } from '../../../core/clock.ts';
import type { Batch } from '../../../core/executor.ts';
import type { HostWorker } from '../host-worker.ts';
import type { HostPlan } from './host-plan.ts';
import { openSession, type SessionsContext } from './open-session.ts';
import { PlanTrial } from './plan-trial.ts';
import { showPlan } from './show-plan.ts';

/** After sessions could not be opened, the threads are not changed for so long, in ms. */
export const CHANGE_AGAIN_MS = 60_000;

export class SessionThreads implements HostPlan {
  reason = 'one thread: nothing has shown that more is better';
  onThreads: (() => void) | undefined;
  readonly #context: SessionsContext;
  readonly #leaveBudget: () => void;
  #trial = new PlanTrial();
  #isChanging = false;
  #isClosed = false;
  #notBefore: Instant = -Infinity;
  #again: TimerHandle | undefined;

  constructor(context: SessionsContext) {
    this.#context = context;
    this.#leaveBudget = context.elastic.budget.onChange(() => this.#followBudget());
  }

  /** A run has succeeded, after `runMs`. */
  ran({ size }: Batch, runMs: number): void {
    const { workers, elastic } = this.#context;
    const now = this.#now();
    if (!elastic.arePlanned || elastic.budget.cores < 2 || this.#isChanging || now < this.#notBefore) return;
    const run = { rows: size, maxRows: elastic.maxBatchSize, runMs, sessions: workers.count };
    const verdict = this.#trial.ran(run, now);
    if (verdict === 'try') void this.#try();
    else if (verdict !== undefined) this.#end(verdict === 'keep');
  }

  close(): void {
    this.#isClosed = true;
    this.#leaveBudget();
    this.#again?.cancel();
  }

  async #try(): Promise<void> {
    const { workers, elastic } = this.#context;
    const { cores } = elastic.budget;
    const isWide = !this.#trial.isWide;
    this.#isChanging = true;
    try {
      await this.#open(isWide ? cores : 1, isWide ? 1 : cores);
      if (elastic.budget.cores < cores) throw new Error('the cores have changed');
      this.#activate(isWide ? cores : 1);
      this.#trial.begin(this.#now());
      this.#report('tried', 'its sessions are busy');
    } catch (error) {
      this.#failed(error as Error);
      this.#trial.giveUp(!isWide, this.#now());
      workers.dropOthers();
    } finally {
      this.#isChanging = false;
    }
    this.#followBudget();
  }

  #end(isBetter: boolean): void {
    const { workers, elastic } = this.#context;
    if (!isBetter) this.#activate(workers.threads === 1 ? elastic.budget.cores : 1);
    workers.dropOthers();
    this.#report(
      isBetter ? 'changed' : 'kept',
      isBetter ? 'it answered more than before' : 'the other plan answered less',
    );
  }

  /** Opens so many sessions beside those that serve; at least one, or rejects. */
  async #open(threads: number, sessions: number): Promise<void> {
    const { workers } = this.#context;
    const opened: HostWorker[] = [];
    try {
      while (opened.length < sessions) opened.push(await openSession(this.#context, threads));
    } catch (error) {
      if (opened.length === 0) throw error;
    }
    let added = 0;
    for (const worker of opened) if (!this.#isClosed && workers.add(worker, threads)) added += 1;
    if (added === 0) throw new Error(opened[0]!.goneBecause ?? 'the model is unloaded');
  }

  /** No run has more threads than there are cores. */
  #followBudget(): void {
    const { workers, elastic, clock } = this.#context;
    const { cores } = elastic.budget;
    if (!elastic.arePlanned || this.#isClosed || this.#isChanging || workers.threads <= cores) return;
    this.#again?.cancel();
    if (this.#now() < this.#notBefore) this.#again = clock.setTimer(this.#notBefore, () => this.#followBudget());
    else void this.#goNarrow(`the budget is ${cores} core${cores === 1 ? '' : 's'} now`);
  }

  async #goNarrow(reason: string): Promise<void> {
    this.#isChanging = true;
    try {
      await this.#open(1, 1);
      this.#activate(1);
      this.#context.workers.dropOthers();
      this.#trial = new PlanTrial();
      this.#report('changed', reason);
    } catch (error) {
      this.#failed(error as Error);
    } finally {
      this.#isChanging = false;
    }
    this.#followBudget();
  }

  #activate(threads: number): void {
    this.#context.workers.activate(threads);
    this.onThreads?.();
    this.#context.onChange();
  }

  #failed({ message }: Error): void {
    if (this.#isClosed) return;
    this.#notBefore = this.#now() + CHANGE_AGAIN_MS;
    this.#report('unchanged', `the other plan's sessions could not be opened: ${message}`);
  }

  #report(what: 'tried' | 'changed' | 'kept' | 'unchanged', reason: string): void {
    const { workers, elastic } = this.#context;
    const { threads, count: sessions } = workers;
    if (what === 'changed' || what === 'kept') this.reason = `${showPlan(threads, sessions)}: ${reason}`;
    elastic.onPlan?.({ what, threads, sessions, reason });
  }

  #now(): Instant {
    return this.#context.clock.nowMs();
  }
}
