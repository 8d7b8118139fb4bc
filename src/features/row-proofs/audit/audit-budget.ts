/**
 * The core time that the audits of all versions may take: a share of one core since the server's start, so less than the
 * same share of all cores. Time that was not used is saved up to a limit. Checks of a suspect may overdraw it; then no
 * audit begins until the time is earned again.
 */
import type { Clock, Instant } from '../../../core/clock.ts';

const SHARE_OF_ONE_CORE = 0.004;
const LONGEST_SAVED_MS = 15 * 60_000;

export class AuditBudget {
  readonly #clock: Clock;
  #earnedMs = 0;
  #earnedAt: Instant;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#earnedAt = clock.nowMs();
  }

  /** The core time that may be spent now, in ms. Negative = it is overdrawn. */
  get leftMs(): number {
    const now = this.#clock.nowMs();
    const earned = this.#earnedMs + SHARE_OF_ONE_CORE * (now - this.#earnedAt);
    this.#earnedMs = Math.min(earned, SHARE_OF_ONE_CORE * LONGEST_SAVED_MS);
    this.#earnedAt = now;
    return this.#earnedMs;
  }

  spend(ms: number): void {
    this.#earnedMs -= ms;
  }
}
