/**
 * When a request came that is read only now: while the event loop is busy, requests wait in their sockets, unseen.
 *
 *   turn n−1   │▓▓ reads ▓▓▓▓▓ works ▓▓▓▓▓▓▓▓▓│
 *   turn n                                      │ reads: this came at some time since turn n−1 began to read
 *                    ◀── half of it ──▶
 *
 * A loop that has slept since then was woken by what came: that came now. One that has not is behind, and what it reads
 * came halfway through its last turn, in the mean. So a request's deadline and its times count from before it was seen,
 * and what waited too long is refused for the price of its first header. That makes the turn short, and the next
 * requests are seen in time: without it, a loop that is once behind answers everything late.
 *
 * What waits in the kernel of another machine, or of a sender whose window is used up, is not seen.
 */
import type { Clock, Instant } from '../core/clock.ts';

export interface ArrivalClockOptions {
  readonly clock: Clock;
  /** How long the event loop has slept so far, in ms. */
  readonly sleptMs: () => number;
  /** Runs a function after what this turn of the event loop reads. */
  readonly defer: (run: () => void) => void;
}

/** A loop that sleeps less than this between two turns has hardly slept: timers and polling look like it. */
const LEAST_SLEEP_MS = 0.05;

export class ArrivalClock {
  readonly #options: ArrivalClockOptions;
  readonly #closeTurn = (): void => {
    this.#isOpen = false;
    this.#sleptBefore = this.#options.sleptMs();
  };
  /** A turn that reads requests is under way. */
  #isOpen = false;
  #sleptBefore = 0;
  #turnStart: Instant = 0;
  #arrivedAt: Instant = 0;

  constructor(options: ArrivalClockOptions) {
    this.#options = options;
  }

  /** When what is read in this turn came, in the mean; never later than now. The same for all of a turn. */
  arrivedAt(): Instant {
    if (!this.#isOpen) this.#openTurn();
    return this.#arrivedAt;
  }

  #openTurn(): void {
    const { clock, sleptMs, defer } = this.#options;
    const now = clock.nowMs();
    const hasSlept = this.#turnStart === 0 || sleptMs() - this.#sleptBefore >= LEAST_SLEEP_MS;
    this.#arrivedAt = hasSlept ? now : (this.#turnStart + now) / 2;
    this.#turnStart = now;
    this.#isOpen = true;
    defer(this.#closeTurn);
  }
}
