/** Time that moves only when it is told to: for simulations and tests. */
import type { Clock, Instant, TimerHandle } from '../clock.ts';

interface VirtualTimer {
  readonly at: Instant;
  readonly fire: () => void;
}

/** Timers fire at their instants, in order; of the same instant, in the order in which they were set. */
export class VirtualClock implements Clock {
  #now: Instant = 1000;
  readonly #timers = new Set<VirtualTimer>();
  /** Wall time at monotonic 0. */
  wallOffsetMs = 1_700_000_000_000;

  nowMs(): Instant {
    return this.#now;
  }

  wallMs(): number {
    return this.wallOffsetMs + this.#now;
  }

  setTimer(at: Instant, fire: () => void): TimerHandle {
    const timer: VirtualTimer = { at, fire };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Timers that are armed: for leak checks. */
  get armed(): number {
    return this.#timers.size;
  }

  /** When the earliest armed timer is due; Infinity if none is. */
  get nextAt(): Instant {
    return this.#earliest()?.at ?? Infinity;
  }

  /** Moves on by `ms`; the timers that are due by then fire, also those that others set meanwhile. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const timer = this.#earliest();
      if (timer === undefined || timer.at > until) break;
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.fire();
    }
    this.#now = until;
  }

  /** Few are armed at once, so that a search is as fast as a heap. */
  #earliest(): VirtualTimer | undefined {
    let earliest: VirtualTimer | undefined;
    for (const timer of this.#timers) if (earliest === undefined || timer.at < earliest.at) earliest = timer;
    return earliest;
  }
}
