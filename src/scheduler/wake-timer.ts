import type { Clock, Instant, TimerHandle } from '../core/clock.ts';

/** A timer that can be set again: only the last instant counts. */
export class WakeTimer {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #timer: TimerHandle | undefined;
  #at: Instant = Infinity;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** Wakes once, at `at`; an earlier instant no longer counts. */
  arm(at: Instant): void {
    if (at === this.#at) return;
    this.disarm();
    this.#at = at;
    this.#timer = this.#clock.setTimer(at, () => {
      this.#timer = undefined;
      this.#at = Infinity;
      this.#wake();
    });
  }

  disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = Infinity;
  }
}
