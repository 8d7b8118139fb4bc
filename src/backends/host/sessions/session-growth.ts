/**
 * A model's sessions by demand: it starts with one of one thread. Its scheduler asks for more, or for one whose runs compute
 * on all cores, and chooses which of them a batch goes to (scheduler/cores/session-use.ts). What is not needed is closed.
 *
 *   1 thread    ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓┐ unused: closed   ┌▓▓▓ grow: up to one for each core
 *   all cores       widen: one ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓┐ unused: closed
 *
 * So a model for which one plan is always better has that plan's sessions alone. Where batches change between the plans, what
 * was closed is soon opened again, and is kept for longer each time, until both stay.
 */
import { type Instant, repeat, type TimerHandle } from '../../../core/clock.ts';
import { openSession, type SessionsContext } from './open-session.ts';
import { showPlan } from './show-plan.ts';

/** Sessions of one thread are closed when not all were busy at once for so long, in ms. */
export const IDLE_SESSION_MS = 180_000;
/** The sessions of a plan are closed when the other one was in use for so long at first, in ms; at most IDLE_SESSION_MS. */
export const UNUSED_PLAN_MS = 2000;
/** It is so many times as long when they are opened again within so many ms. */
const KEPT_FACTOR = 4;
export const SOON_MS = 30_000;
const CHECK_MS = 1000;
/** The time for which no session is tried after one could not be opened, in ms. */
export const OPEN_AGAIN_MS = 60_000;

export class SessionGrowth {
  readonly #context: SessionsContext;
  readonly #narrow: number;
  readonly #leaveBudget: () => void;
  #isOpening = false;
  #isClosed = false;
  /** The failure has been reported. */
  #isFailing = false;
  #notBefore: Instant = 0;
  /** When all sessions of one thread were busy. */
  #fullAt: Instant = 0;
  /** When the plan that is not in use was used last, for how long it is kept, and when one was closed. */
  #otherAt: Instant = 0;
  #keptMs = UNUSED_PLAN_MS;
  #closedAt: Instant = -Infinity;
  #timer: TimerHandle | undefined;

  constructor(context: SessionsContext) {
    this.#context = context;
    this.#narrow = context.workers.threads;
    this.#leaveBudget = context.elastic.budget.onChange(() => this.#followBudget());
  }

  /** Opens one more session of one thread in the background, if cores and memory allow it and none is being opened. */
  grow(): void {
    const { workers } = this.#context;
    if (workers.countOf(this.#narrow) >= Math.floor(this.#cores / this.#narrow)) return;
    const isInUse = workers.threads === this.#narrow;
    this.#open(this.#narrow, isInUse ? 'batches waited while cores were free' : 'runs of one thread should do more');
  }

  /** Opens the session of all cores likewise, if the model may have one. */
  widen(): void {
    const threads = this.widestThreads;
    if (threads !== undefined && this.#context.workers.countOf(threads) === 0) this.#open(threads, 'it is busy');
  }

  /** Threads of the session that `widen` opens; undefined = it opens none. */
  get widestThreads(): number | undefined {
    return this.#context.elastic.arePlanned && this.#cores > this.#narrow ? this.#cores : undefined;
  }

  /** A batch runs on a session of the plan in use, and `running` of them in all. */
  noteRun(running: number): void {
    const { workers, clock } = this.#context;
    if (workers.threads === this.#narrow && running >= workers.count) this.#fullAt = clock.nowMs();
  }

  /** Another plan is in use from now on. */
  notePlan(): void {
    this.#otherAt = this.#context.clock.nowMs();
  }

  close(): void {
    this.#isClosed = true;
    this.#leaveBudget();
    this.#timer?.cancel();
  }

  get #cores(): number {
    return this.#context.elastic.budget.cores;
  }

  #open(threads: number, why: string): void {
    if (this.#isOpening || this.#isClosed || this.#context.clock.nowMs() < this.#notBefore) return;
    this.#isOpening = true;
    void this.#openOne(threads, why).finally(() => {
      this.#isOpening = false;
    });
  }

  async #openOne(threads: number, why: string): Promise<void> {
    const { workers, clock } = this.#context;
    try {
      const worker = await openSession(this.#context, threads);
      if (threads > this.#cores) return await workers.discard(worker);
      if (!workers.add(worker, threads)) throw new Error(worker.goneBecause ?? 'the model is unloaded');
      this.#isFailing = false;
      this.#noteOpened(threads);
      this.#watch();
      this.#report('grown', why);
      this.#context.onChange();
      this.#followBudget();
    } catch (error) {
      this.#notBefore = clock.nowMs() + OPEN_AGAIN_MS;
      if (!this.#isFailing && !this.#isClosed) this.#report('not_grown', (error as Error).message);
      this.#isFailing = true;
    }
  }

  #noteOpened(threads: number): void {
    const { workers, clock } = this.#context;
    const now = clock.nowMs();
    this.#fullAt = now;
    this.#otherAt = now;
    if (workers.countOf(threads) > 1) return;
    const isSoon = now - this.#closedAt < SOON_MS;
    this.#keptMs = isSoon ? Math.min(IDLE_SESSION_MS, KEPT_FACTOR * this.#keptMs) : UNUSED_PLAN_MS;
  }

  #watch(): void {
    const { clock } = this.#context;
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = repeat(clock, CHECK_MS, () => this.#closeUnneeded(clock.nowMs()));
  }

  #closeUnneeded(now: Instant): void {
    const { workers } = this.#context;
    this.#followBudget();
    const hadNoCrowd = now - this.#fullAt >= IDLE_SESSION_MS && workers.threads === this.#narrow;
    // A plan of several sessions may be chosen only when the last of them is open.
    if (!this.#isOpening && now - this.#otherAt >= this.#keptMs && this.#dropOthers()) {
      this.#closedAt = now;
      this.#shrunk('the others were not needed');
    } else if (hadNoCrowd && workers.removeIdle(this.#narrow)) this.#shrunk('not all were busy at once');
    if (workers.plans.length > 1 || workers.count > 1 || this.#hasOldWide) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Closes a session of all cores that has not as many threads as there are now; another one is opened on demand. */
  #followBudget(): void {
    const { workers } = this.#context;
    if (this.#isClosed || !this.#hasOldWide) return;
    this.#watch();
    if (workers.countOf(this.#narrow) === 0) {
      this.#open(this.#narrow, this.#budgetNow);
      return;
    }
    if (workers.threads !== this.#narrow) workers.activate(this.#narrow);
    this.#dropOthers();
    this.#shrunk(this.#budgetNow);
  }

  get #budgetNow(): string {
    return `the budget is ${this.#cores} now`;
  }

  get #hasOldWide(): boolean {
    return this.#context.workers.plans.some(({ threads }) => threads !== this.#narrow && threads !== this.#cores);
  }

  /** Ends the sessions of the plan that is not in use. Returns whether there were any. */
  #dropOthers(): boolean {
    const { workers } = this.#context;
    const others = workers.plans.filter(({ threads }) => threads !== workers.threads);
    for (const { threads } of others) workers.drop(threads);
    return others.length > 0;
  }

  #shrunk(why: string): void {
    this.#report('shrunk', why);
    this.#context.onChange();
  }

  #report(what: PlanChange, why: string): void {
    const { workers, elastic } = this.#context;
    const now = workers.plans.map(({ threads, sessions }) => showPlan(threads, sessions)).join(', ');
    const reason = what === 'not_grown' ? `no more than ${now}: ${why}` : `${now} now: ${why}`;
    elastic.onPlan?.({ what, plans: workers.plans, reason });
  }
}

type PlanChange = 'grown' | 'not_grown' | 'shrunk';
