/**
 * Estimates when a request arrived that is read now. While the event loop is busy, requests wait unread in their
 * sockets.
 *
 *   turn n−1   │▓▓ reads ▓▓▓▓▓ works ▓▓▓▓▓▓▓▓▓│
 *   turn n                                      │ reads a request that arrived since turn n−1 began to read
 *                    ◀── half of it ──▶
 *
 * A loop that has slept was woken by the request, which therefore arrived now. A loop that has not slept is behind, and
 * a request arrived halfway through the last turn, on average. Deadline and durations of a request count from then, so
 * a request that waited too long is refused after its first header. This keeps the turn short, and the next requests
 * are read in time; without it, a loop that falls behind once would answer every request late.
 *
 * The time in the kernel of another machine, or of a sender whose window is used up, is not known here.
 */
import type { Clock, Instant } from '../core/clock.ts';

export interface ArrivalClockOptions {
  readonly clock: Clock;
  /** Total time that the event loop has slept, in ms. */
  readonly sleptMs: () => number;
  /** Runs a function after the reads of this turn of the event loop. */
  readonly defer: (run: () => void) => void;
}

/** Shorter sleeps between two turns do not count: timers and polling look like them. */
const LEAST_SLEEP_MS = 0.05;

export class ArrivalClock {
  readonly #options: ArrivalClockOptions;
  readonly #closeTurn = (): void => {
    this.#isOpen = false;
    this.#sleptBefore = this.#options.sleptMs();
  };
  #isOpen = false;
  #sleptBefore = 0;
  #turnStart: Instant = 0;
  #arrivedAt: Instant = 0;

  constructor(options: ArrivalClockOptions) {
    this.#options = options;
  }

  /**
   * Mean arrival time of the requests that this turn reads. It is never later than now, and the same for the whole
   * turn.
   */
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
