/**
 * Decides when a model with several threads in a run goes back to one thread, because others use its cores, and when it
 * tries several again. Pure: it is told of runs and of the time.
 *
 * The threads of a run wait for the slowest. When a neighbour takes one of their cores, the whole run waits for that
 * core, and takes longer than on one thread.
 *
 *   wide ── runs over SLOW_SHARE of one thread's time, for LEAVE_BUSY_MS ──▶ narrow
 *     ▲                                                                        │
 *     └──────────── 10 s, 20 s, … 5 min later, if the cores are free ◀─────────┘
 */
import type { Instant } from '../../../core/clock.ts';

/** A run of several threads should take less than this share of the time that one thread takes. */
export const SLOW_SHARE = 0.95;
/** Run time over that share until one thread is better, in ms. */
export const LEAVE_BUSY_MS = 1000;
/** The same while several threads are tried again, in ms. */
export const TRY_BUSY_MS = 500;
/** The first wait before several threads are tried again, in ms; each failed try doubles it. */
export const FIRST_RETRY_MS = 10_000;
export const LAST_RETRY_MS = 300_000;
/** A try that lasted this long was a success: the next wait is the first again. In ms. */
export const SUCCESS_MS = 60_000;
/** Run time over which the moving mean forgets, in ms. */
const MEAN_SPAN_MS = 200;

export class ContentionControl {
  #mean = 0;
  /** Run time since the mean was last below the limit. */
  #slowMs = 0;
  /** When several threads were last tried again; -Infinity = since the load. */
  #triedAt: Instant = -Infinity;
  #retryMs = FIRST_RETRY_MS;
  #tryAt: Instant = Infinity;

  /** When several threads may be tried again; Infinity while they are in use. */
  get tryAt(): Instant {
    return this.#tryAt;
  }

  /**
   * A run of several threads took `runMs`, and one thread would have taken `oneThreadMs`. Returns true when one thread
   * is better.
   */
  isSlowAfter(runMs: number, oneThreadMs: number, now: Instant): boolean {
    const share = runMs / oneThreadMs;
    const weight = this.#mean === 0 ? 1 : 1 - Math.exp(-runMs / MEAN_SPAN_MS);
    // One stalled run must not stand for many.
    this.#mean += weight * (Math.min(share, 2) - this.#mean);
    this.#slowMs = this.#mean > SLOW_SHARE ? this.#slowMs + runMs : 0;
    return this.#slowMs >= (now - this.#triedAt < SUCCESS_MS ? TRY_BUSY_MS : LEAVE_BUSY_MS);
  }

  /** Its runs have one thread from now on. */
  left(now: Instant): void {
    const isFailedTry = now - this.#triedAt < SUCCESS_MS;
    this.#retryMs = isFailedTry ? Math.min(LAST_RETRY_MS, 2 * this.#retryMs) : FIRST_RETRY_MS;
    this.#tryAt = now + this.#retryMs;
    this.#forget();
  }

  /** Its runs have several threads again. */
  tried(now: Instant): void {
    this.#triedAt = now;
    this.#tryAt = Infinity;
    this.#forget();
  }

  /** The change could not be made. */
  postpone(now: Instant): void {
    this.#tryAt = this.#tryAt === Infinity ? Infinity : now + this.#retryMs;
    this.#forget();
  }

  #forget(): void {
    this.#mean = 0;
    this.#slowMs = 0;
  }
}
