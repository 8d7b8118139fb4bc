/** One timer that is set again and again: only the last instant counts. */
import type { Clock, Instant, TimerHandle } from '../core/clock.ts';

export class WakeTimer {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #timer: TimerHandle | undefined;
  #at: Instant = Infinity;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** Wakes once at `at`, and not when it was to before. */
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
