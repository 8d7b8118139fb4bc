/**
 * A model's sessions by demand: it starts with one of one thread. More are opened when batches wait while cores are free,
 * and one whose runs compute on all cores when the model is busy; what has long not been needed is closed.
 *
 *   1 thread    ▓▓ always one ▓▓│▓▓ grow: up to one for each core ▓▓▓
 *   all cores                   │▓▓ widen: one ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓
 *
 * A batch's scheduler chooses which of them it goes to (scheduler/cores/thread-choice.ts).
 */
import { type Instant, repeat, type TimerHandle } from '../../../core/clock.ts';
import { openSession, type SessionsContext } from './open-session.ts';
import { showPlan } from './show-plan.ts';

/** Sessions of one thread are closed when not all were busy at once for so long, and one of all cores when unused; in ms. */
export const IDLE_SESSION_MS = 180_000;
const CHECK_MS = 30_000;
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
  /** When all sessions of one thread were busy, and when the one of all cores was used. */
  #fullAt: Instant = 0;
  #wideAt: Instant = 0;
  #timer: TimerHandle | undefined;

  constructor(context: SessionsContext) {
    this.#context = context;
    this.#narrow = context.workers.threads;
    this.#leaveBudget = context.elastic.budget.onChange(() => this.#followBudget());
  }

  /** Opens one more session of one thread in the background, if cores and memory allow it and none is being opened. */
  grow(): void {
    const { workers } = this.#context;
    if (workers.countOf(this.#narrow) < Math.floor(this.#cores / this.#narrow)) this.#open(this.#narrow);
  }

  /** Opens the session of all cores likewise, and then the others, if the model may have one. */
  widen(): void {
    const { workers, elastic } = this.#context;
    if (!elastic.arePlanned || this.#cores < 2) return;
    if (workers.countOf(this.#cores) === 0) this.#open(this.#cores);
    else this.grow();
  }

  /** A batch runs on a session of the plan in use, and `running` of them in all. */
  noteRun(running: number): void {
    const { workers, clock } = this.#context;
    if (workers.threads > this.#narrow) this.#wideAt = clock.nowMs();
    else if (running >= workers.count) this.#fullAt = clock.nowMs();
  }

  close(): void {
    this.#isClosed = true;
    this.#leaveBudget();
    this.#timer?.cancel();
  }

  get #cores(): number {
    return this.#context.elastic.budget.cores;
  }

  #open(threads: number): void {
    if (this.#isOpening || this.#isClosed || this.#context.clock.nowMs() < this.#notBefore) return;
    this.#isOpening = true;
    void this.#openOne(threads).finally(() => {
      this.#isOpening = false;
    });
  }

  async #openOne(threads: number): Promise<void> {
    const { workers, clock } = this.#context;
    const isWide = threads > this.#narrow;
    try {
      const worker = await openSession(this.#context, threads);
      if (threads > this.#cores) return await workers.discard(worker);
      if (!workers.add(worker, threads)) throw new Error(worker.goneBecause ?? 'the model is unloaded');
      this.#isFailing = false;
      if (isWide) this.#wideAt = clock.nowMs();
      else this.#fullAt = clock.nowMs();
      this.#watch();
      this.#report('grown', isWide ? 'it is busy' : 'batches waited while cores were free');
      this.#context.onChange();
    } catch (error) {
      this.#notBefore = clock.nowMs() + OPEN_AGAIN_MS;
      if (!this.#isFailing && !this.#isClosed) this.#report('not_grown', (error as Error).message);
      this.#isFailing = true;
    }
  }

  #watch(): void {
    const { clock } = this.#context;
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = repeat(clock, CHECK_MS, () => this.#closeUnneeded(clock.nowMs()));
  }

  #closeUnneeded(now: Instant): void {
    const { workers } = this.#context;
    const isWideUnused = now - this.#wideAt >= IDLE_SESSION_MS;
    if (isWideUnused && this.#dropWide()) this.#shrunk('the session of all cores was not needed');
    const hadNoCrowd = now - this.#fullAt >= IDLE_SESSION_MS;
    if (hadNoCrowd && workers.removeIdle(this.#narrow)) this.#shrunk('not all were busy at once');
    if (workers.plans.length > 1 || workers.count > 1) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** No run has more threads than there are cores. With more cores another session of all of them is opened on demand. */
  #followBudget(): void {
    if (!this.#isClosed && this.#dropWide(this.#cores)) this.#shrunk(`the budget is ${this.#cores} now`);
  }

  /** Ends the sessions of several threads, but for those of `kept`. Returns whether there were any. */
  #dropWide(kept = 0): boolean {
    const { workers } = this.#context;
    const wide = workers.plans.filter(({ threads }) => threads > this.#narrow && threads !== kept);
    for (const { threads } of wide) {
      if (workers.threads === threads) workers.activate(this.#narrow);
      workers.drop(threads);
    }
    return wide.length > 0;
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
