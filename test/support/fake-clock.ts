/**
 * Time that moves only when a test says so. Timers fire in order of their instants, and at their instants.
 */
import type { Clock, Instant, TimerHandle } from '../../src/core/clock.ts';

interface FakeTimer {
  readonly at: Instant;
  readonly fire: () => void;
}

export class FakeClock implements Clock {
  #now = 1000;
  readonly #timers = new Set<FakeTimer>();
  /** Wall time at monotonic 0. */
  wallOffsetMs = 1_700_000_000_000;

  nowMs(): Instant {
    return this.#now;
  }

  wallMs(): number {
    return this.wallOffsetMs + this.#now;
  }

  setTimer(at: Instant, fire: () => void): TimerHandle {
    const timer: FakeTimer = { at, fire };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Timers that are armed: for leak checks. */
  get armed(): number {
    return this.#timers.size;
  }

  /** When the earliest armed timer is due; Infinity if none is. */
  get nextAt(): Instant {
    let next = Infinity;
    for (const timer of this.#timers) next = Math.min(next, timer.at);
    return next;
  }

  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter((t) => t.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.fire();
    }
    this.#now = until;
  }
}
