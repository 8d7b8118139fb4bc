/**
 * The number of a model's sessions by demand: it starts with one; more are opened when batches wait while cores are
 * free, and closed when they have long not been needed.
 */
import { type Instant, repeat, type TimerHandle } from '../../../core/clock.ts';
import { openSession, type SessionsContext } from './open-session.ts';
import { showPlan } from './show-plan.ts';

/** A session is closed when all sessions have not been busy at once for so long, in ms. */
export const IDLE_SESSION_MS = 180_000;
const CHECK_MS = 30_000;
/** After a session could not be opened, none is tried for so long, in ms. */
export const GROW_AGAIN_MS = 60_000;

export class SessionGrowth {
  readonly #context: SessionsContext;
  #isGrowing = false;
  #isClosed = false;
  /** The failure has been reported. */
  #isFailing = false;
  #notBefore: Instant = 0;
  /** When all sessions were busy. */
  #fullAt: Instant = 0;
  #timer: TimerHandle | undefined;

  constructor(context: SessionsContext) {
    this.#context = context;
  }

  /** Opens one more session in the background, if cores and memory allow it and none is being opened. */
  grow(): void {
    if (this.#isGrowing || this.#isClosed || !this.#hasRoom()) return;
    if (this.#context.clock.nowMs() < this.#notBefore) return;
    this.#isGrowing = true;
    void this.#grow().finally(() => {
      this.#isGrowing = false;
    });
  }

  /** All sessions are busy. */
  noteFull(): void {
    this.#fullAt = this.#context.clock.nowMs();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #hasRoom(): boolean {
    const { workers, elastic } = this.#context;
    return workers.count < Math.floor(elastic.budget.cores / workers.threads);
  }

  async #grow(): Promise<void> {
    const { workers, clock } = this.#context;
    const { threads } = workers;
    try {
      const worker = await openSession(this.#context, threads);
      // Meanwhile its model may have got another plan.
      if (workers.threads !== threads || !this.#hasRoom()) return await workers.discard(worker);
      if (!workers.add(worker, threads)) throw new Error(worker.goneBecause ?? 'the model is unloaded');
      this.#isFailing = false;
      this.noteFull();
      this.#watch();
      this.#report('grown', 'batches waited while cores were free');
      this.#context.onChange();
    } catch (error) {
      this.#notBefore = clock.nowMs() + GROW_AGAIN_MS;
      if (!this.#isFailing && !this.#isClosed) this.#report('not_grown', (error as Error).message);
      this.#isFailing = true;
    }
  }

  #watch(): void {
    const { workers, clock } = this.#context;
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = repeat(clock, CHECK_MS, () => {
      if (clock.nowMs() - this.#fullAt >= IDLE_SESSION_MS && workers.removeIdle()) {
        this.#report('shrunk', `not all were busy for ${IDLE_SESSION_MS / 60_000} min`);
        this.#context.onChange();
      }
      if (workers.count > 1) return;
      this.#timer?.cancel();
      this.#timer = undefined;
    });
  }

  #report(what: 'grown' | 'not_grown' | 'shrunk', why: string): void {
    const { workers, elastic } = this.#context;
    const { threads, count: sessions } = workers;
    const now = showPlan(threads, sessions);
    const reason = what === 'not_grown' ? `no more than ${now}: ${why}` : `${now} now: ${why}`;
    elastic.onPlan?.({ what, threads, sessions, reason });
  }
}
