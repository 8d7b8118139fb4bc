/**
 * The threads of a hosted model's runs: chosen by measurement at load (measure-plan.ts), left for one thread while
 * others use the cores (contention.ts), and never more than the cores that there are.
 *
 * A change opens one session with the other number of threads beside those that serve, which then takes over from all
 * of them: they end after their batches, and no batch fails.
 */
import { type Instant, repeat, type TimerHandle } from '../../../core/clock.ts';
import type { Batch } from '../../../core/executor.ts';
import type { HostWorker } from '../host-worker.ts';
import { ContentionControl } from './contention.ts';
import { measurePlans, type PlanProbe, type TrialSession } from './measure-plan.ts';
import { openSession, type SessionsContext, timeOn } from './open-session.ts';
import { choosePlan, type PlanRate, type SizeTime, showPlan, showRates, timeAt } from './thread-plan.ts';

/** A choice that was measured. Plain JSON: it is kept between starts. */
export interface ThreadPlan {
  readonly threads: number;
  readonly rates: readonly PlanRate[];
  /** Run times on one thread by signature, ascending by rows: they show later whether more threads still help. */
  readonly oneThread: Readonly<Record<string, readonly SizeTime[]>>;
}

export interface MeasuredPlan {
  readonly plan: ThreadPlan;
  /** Others used the cores meanwhile: at another time it may come out differently. */
  readonly isDisturbed: boolean;
}

/** The plan of a hosted model, for its loader and for reports. */
export interface HostPlan {
  /** Threads may be chosen. */
  readonly isOpen: boolean;
  readonly cores: number;
  /** Why its runs have as many threads as they have, with numbers. */
  readonly reason: string;
  /** Called when its runs have got another number of threads. One listener. */
  onThreads: (() => void) | undefined;
  /**
   * Measures the plans and puts the best one in place. Call it while nothing is served. Rejects with the error of a run;
   * nothing has changed then.
   */
  measure(probe: Omit<PlanProbe, 'cores'>, oneThread: ThreadPlan['oneThread']): Promise<MeasuredPlan>;
  /** Puts a plan in place that was measured earlier. Resolves with false if its session could not be opened. */
  adopt(plan: ThreadPlan): Promise<boolean>;
  /** Says why nothing was measured. */
  explain(reason: string): void;
}

/** After a session could not be opened, the threads are not changed for so long, in ms. */
export const CHANGE_AGAIN_MS = 60_000;
const WATCH_MS = 1000;
/** Several threads are not tried while more than this is missing of their cores, in cores. */
const MISSING_CORES = 0.3;
const BY_CONTENTION = 'its runs took longer than on one thread: others use the cores';

export class SessionThreads implements HostPlan {
  reason = 'not measured';
  onThreads: (() => void) | undefined;
  readonly #context: SessionsContext;
  readonly #control = new ContentionControl();
  readonly #leaveBudget: () => void;
  /** The plan's threads, if they are several; 0 = runs have one thread, or as many as were configured. */
  #wide = 0;
  #oneThread: ThreadPlan['oneThread'] = {};
  #isChanging = false;
  #isClosed = false;
  #notBefore: Instant = -Infinity;
  #watch: TimerHandle | undefined;
  #again: TimerHandle | undefined;

  constructor(context: SessionsContext) {
    this.#context = context;
    this.#leaveBudget = context.elastic.budget.onChange(() => this.#followBudget());
  }

  get isOpen(): boolean {
    return this.#context.elastic.arePlanned && this.cores > 1;
  }

  get cores(): number {
    return this.#context.elastic.budget.cores;
  }

  explain(reason: string): void {
    this.reason = reason;
  }

  async measure(probe: Omit<PlanProbe, 'cores'>, oneThread: ThreadPlan['oneThread']): Promise<MeasuredPlan> {
    const { workers, run, readSpareCores } = this.#context;
    const first: Trial = {
      worker: undefined,
      run: async (batch) => durationOf(await run(batch)),
      close: async () => {},
    };
    const opened = new Map<number, Trial[]>();
    let kept: Trial | undefined;
    try {
      const open = (threads: number): Promise<Trial> => this.#openTrial(threads);
      readSpareCores?.();
      const rates = await measurePlans({ ...probe, cores: this.cores }, { first, open }, opened);
      const spare = readSpareCores?.() ?? Infinity;
      const { threads } = choosePlan(rates);
      const plan = { threads, rates, oneThread };
      const chosen = opened.get(threads)?.[0];
      const isWide = threads > 1 && workers.replaceAll(chosen!.worker!, threads);
      if (isWide) kept = chosen;
      this.#put(plan, isWide, 'measured');
      return { plan, isDisturbed: spare < this.cores - MISSING_CORES };
    } finally {
      const all = [...opened.values()].flat();
      await Promise.all(all.filter((each) => each !== kept).map((each) => each.close()));
    }
  }

  async adopt(plan: ThreadPlan): Promise<boolean> {
    if (plan.threads === 1) {
      this.#put(plan, false, 'measured at an earlier start');
      return true;
    }
    try {
      const worker = await openSession(this.#context, plan.threads);
      const isDone = this.#context.workers.replaceAll(worker, plan.threads);
      if (isDone) this.#put(plan, true, 'measured at an earlier start');
      return isDone;
    } catch (error) {
      this.#report('unchanged', (error as Error).message);
      return false;
    }
  }

  /** A run has succeeded, after `runMs`. */
  ran({ signatureName, size }: Batch, runMs: number): void {
    if (this.#wide === 0 || this.#isChanging || this.#context.workers.threads !== this.#wide) return;
    const oneThreadMs = timeAt(this.#oneThread[signatureName] ?? [], size);
    if (oneThreadMs === undefined || !this.#control.isSlowAfter(runMs, oneThreadMs, this.#now())) return;
    void this.#change(1, BY_CONTENTION);
  }

  close(): void {
    this.#isClosed = true;
    this.#leaveBudget();
    this.#watch?.cancel();
    this.#again?.cancel();
  }

  async #openTrial(threads: number): Promise<Trial> {
    const worker = await openSession(this.#context, threads);
    const close = (): Promise<void> => this.#context.workers.discard(worker);
    return { worker, run: (batch) => timeOn(worker, batch), close };
  }

  /** `plan` is in place: of one thread, or, if `isWide`, of several. */
  #put({ threads, rates, oneThread }: ThreadPlan, isWide: boolean, how: string): void {
    this.#wide = isWide ? threads : 0;
    this.#oneThread = oneThread;
    this.#report('chosen', `${how}: ${showRates(rates)}`);
    if (isWide) this.#tell();
  }

  /** Runs get another number of threads, if a session of it can be opened. */
  async #change(threads: number, reason: string): Promise<void> {
    const { workers } = this.#context;
    if (this.#isChanging || this.#isClosed || this.#now() < this.#notBefore) return;
    this.#isChanging = true;
    try {
      const worker = await openSession(this.#context, threads);
      if (this.#isClosed || !workers.replaceAll(worker, threads)) throw new Error(worker.goneBecause ?? 'unloaded');
      this.#note(threads);
      this.#report('changed', reason);
      this.#tell();
    } catch (error) {
      if (this.#isClosed) return;
      this.#notBefore = this.#now() + CHANGE_AGAIN_MS;
      this.#control.postpone(this.#now());
      this.#report('unchanged', `${showPlan(threads, 1)} could not be opened: ${(error as Error).message}`);
    } finally {
      this.#isChanging = false;
    }
    this.#followBudget();
  }

  #note(threads: number): void {
    if (this.#wide === 0) return;
    if (threads === this.#wide) this.#control.tried(this.#now());
    else this.#control.left(this.#now());
    this.#watch?.cancel();
    this.#watch = threads === this.#wide ? undefined : repeat(this.#context.clock, WATCH_MS, () => this.#tryWide());
  }

  #tryWide(): void {
    const spare = this.#context.readSpareCores?.();
    const isFree = spare === undefined || spare >= this.#wide - MISSING_CORES;
    if (isFree && this.#now() >= this.#control.tryAt) void this.#change(this.#wide, 'the cores are free: tried again');
  }

  /** No run has more threads than there are cores. More cores count at the next load. */
  #followBudget(): void {
    const { workers, elastic, clock } = this.#context;
    const { cores } = this;
    if (!elastic.arePlanned || this.#isClosed) return;
    if (this.#wide > cores) this.#wide = cores > 1 ? cores : 0;
    if (this.#wide === 0) this.#watch?.cancel();
    if (workers.threads <= cores) return;
    this.#again?.cancel();
    if (this.#now() < this.#notBefore) this.#again = clock.setTimer(this.#notBefore, () => this.#followBudget());
    else void this.#change(cores, `the budget is ${cores} core${cores === 1 ? '' : 's'} now`);
  }

  #tell(): void {
    this.onThreads?.();
    this.#context.onChange();
  }

  #report(what: 'chosen' | 'changed' | 'unchanged', reason: string): void {
    const { workers, elastic } = this.#context;
    if (what !== 'unchanged') this.reason = reason;
    elastic.onPlan?.({ what, threads: workers.threads, sessions: workers.count, reason });
  }

  #now(): Instant {
    return this.#context.clock.nowMs();
  }
}

interface Trial extends TrialSession {
  /** Undefined: the session that serves. */
  readonly worker: HostWorker | undefined;
}

function durationOf({ runStart, runEnd }: { readonly runStart?: number; readonly runEnd?: number }): number {
  return runEnd! - runStart!;
}
