/**
 * When the runs of a version's proof may happen:
 *
 *   loading ──▶ one after another, until LOAD_BUDGET_MS have passed
 *   held    ──▶ none: the version is being warmed up
 *   serving ──▶ one at a time, with pauses: it waits for a moment without requests, but not for ever, so that a model
 *               that is always busy is proved, too. It takes at most about a tenth of one slot.
 *
 * All runs together take at most RUN_BUDGET_MS, and what is allowed beside it.
 */
import type { Clock } from '../../core/clock.ts';
import type { ServedLoad } from '../../models/loading/load-steps.ts';
import { ProofEnded, ProofStopped } from './proof-runs.ts';

/** The load of a version waits that long for its proof, as for the sweep of its batch sizes. */
export const LOAD_BUDGET_MS = 1000;
export const RUN_BUDGET_MS = 60_000;
/** A pause is that many times the run before it, and the longest wait for a moment without requests, too. */
const PAUSE_FACTOR = 2;
const WAIT_FACTOR = 9;
const LONGEST_WAIT_AT_LEAST_MS = 50;
const LOOK_EVERY_MS = 5;
const MOST_ROWS = 8;

export class ProofPace {
  readonly #clock: Clock;
  #loadEndsAt: number;
  #budgetMs = RUN_BUDGET_MS;
  #spentMs = 0;
  #lastMs = 0;
  #served: ServedLoad | undefined;
  #isEnded = false;
  /** Ends the wait of a held proof. */
  #release: (() => void) | undefined;

  /** `slowRunMs`: a run before the proof took so long that none is made while the version loads; 0 = none did. */
  constructor(clock: Clock, slowRunMs = 0) {
    this.#clock = clock;
    this.#loadEndsAt = clock.nowMs() + (slowRunMs > 0 ? 0 : LOAD_BUDGET_MS);
    this.ran(slowRunMs);
  }

  /** The loading time has passed: a run would now stand in the way of requests. */
  get isGentle(): boolean {
    return this.#served !== undefined || this.#clock.nowMs() >= this.#loadEndsAt;
  }

  /** The most that the next run may take, in ms. */
  get leftMs(): number {
    return this.#budgetMs - this.#spentMs;
  }

  /** All runs together may take so much more than RUN_BUDGET_MS. */
  allow(ms: number): void {
    this.#budgetMs = RUN_BUDGET_MS + ms;
  }

  /** Rows of a run that takes at most `ms` if one row takes as long as the last run did: 2 to 8. Any run may, at load. */
  rowsWithin(ms: number): number {
    const rows = this.isGentle ? Math.floor(ms / Math.max(this.#lastMs, 1)) : MOST_ROWS;
    return Math.min(MOST_ROWS, Math.max(2, rows));
  }

  /** The load goes on without the proof, which is held until the version is served. */
  hold(): void {
    this.#loadEndsAt = Math.min(this.#loadEndsAt, this.#clock.nowMs());
  }

  /** Resolves when the load need not wait any longer. `done` = the proof's end. */
  async whileLoading(done: Promise<unknown>): Promise<void> {
    let timer: { cancel(): void } | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#clock.setTimer(this.#loadEndsAt, resolve);
    });
    await Promise.race([done, late]);
    timer?.cancel();
  }

  /** The version is being served: a held proof goes on. */
  serve(served: ServedLoad): void {
    this.#served = served;
    this.#release?.();
  }

  /** No run follows. */
  end(): void {
    this.#isEnded = true;
    this.#release?.();
  }

  /** Resolves when the next run may begin. Rejects with ProofEnded, or with ProofStopped if the budget is spent. */
  async next(): Promise<void> {
    if (this.isGentle && this.#served === undefined && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#release = resolve;
      });
    }
    if (this.#served !== undefined && !this.#isEnded) await this.#pause(this.#served);
    if (this.#isEnded) throw new ProofEnded('the version is unloaded');
    if (this.leftMs <= 0) throw new ProofStopped(`it needs runs of more than ${this.#budgetMs / 1000} s together`);
  }

  ran(ms: number): void {
    this.#spentMs += ms;
    this.#lastMs = ms;
  }

  async #pause(served: ServedLoad): Promise<void> {
    await this.#wait(PAUSE_FACTOR * this.#lastMs);
    const until = this.#clock.nowMs() + Math.max(WAIT_FACTOR * this.#lastMs, LONGEST_WAIT_AT_LEAST_MS);
    const isBusy = (): boolean => served.queuedTasks > 0 || served.runningBatches > 0;
    while (isBusy() && !this.#isEnded && this.#clock.nowMs() < until) await this.#wait(LOOK_EVERY_MS);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#release = undefined;
        resolve();
      };
      const timer = this.#clock.setTimer(this.#clock.nowMs() + ms, end);
      this.#release = end;
    });
  }
}
