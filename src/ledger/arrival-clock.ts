/** Estimates when requests arrived: not when the event loop came to read them. */
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';
import type { Instant } from '../core/clock.ts';

export interface ArrivalClockOptions {
  /** Total time that the event loop has slept, in ms. Default: Node's idle time. */
  readonly sleptMs?: () => number;
  /** Runs a function after the reads of this turn of the event loop. Default: setImmediate. */
  readonly defer?: (run: () => void) => void;
}

/** Shorter sleeps between two turns do not count: timers and polling look like them. */
const LEAST_SLEEP_MS = 0.05;

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
export class ArrivalClock {
  readonly #sleptMs: () => number;
  readonly #defer: (run: () => void) => void;
  readonly #closeTurn = (): void => {
    this.#isOpen = false;
    this.#sleptBefore = this.#sleptMs();
  };
  #isOpen = false;
  #sleptBefore = 0;
  #turnStart: Instant = 0;
  #arrivedAt: Instant = 0;

  constructor({ sleptMs, defer }: ArrivalClockOptions = {}) {
    this.#sleptMs = sleptMs ?? (() => performance.nodeTiming.idleTime);
    this.#defer = defer ?? setImmediate;
  }

  /**
   * Mean arrival time of the requests that this turn reads, of which one is read `now`. It is never later than the first
   * `now` of the turn, and the same for the whole turn.
   */
  arrivedAt(now: Instant): Instant {
    if (this.#isOpen) return this.#arrivedAt;
    const hasSlept = this.#turnStart === 0 || this.#sleptMs() - this.#sleptBefore >= LEAST_SLEEP_MS;
    this.#arrivedAt = hasSlept ? now : (this.#turnStart + now) / 2;
    this.#turnStart = now;
    this.#isOpen = true;
    this.#defer(this.#closeTurn);
    return this.#arrivedAt;
  }
}
