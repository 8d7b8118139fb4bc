/**
 * The system's clock, which a test can put forward: what waits for an instant that is skipped happens at once. So a
 * deadline of an hour passes when the request is where the test wants it, however slow the machine is.
 */
import { type Clock, type Instant, systemClock, type TimerHandle } from '../../src/core/clock.ts';

interface JumpTimer {
  readonly at: Instant;
  readonly fire: () => void;
  readonly handle: TimerHandle;
}

export class JumpClock implements Clock {
  #aheadMs = 0;
  readonly #timers = new Set<JumpTimer>();

  nowMs(): Instant {
    return systemClock.nowMs() + this.#aheadMs;
  }

  /** The wall time is not put forward. */
  wallMs(): number {
    return systemClock.wallMs();
  }

  setTimer(at: Instant, fire: () => void): TimerHandle {
    const timer: JumpTimer = {
      at,
      fire,
      handle: systemClock.setTimer(at - this.#aheadMs, () => {
        this.#timers.delete(timer);
        fire();
      }),
    };
    this.#timers.add(timer);
    return {
      cancel: () => {
        timer.handle.cancel();
        this.#timers.delete(timer);
      },
    };
  }

  jump(ms: number): void {
    this.#aheadMs += ms;
    const now = this.nowMs();
    const due = [...this.#timers].filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    for (const timer of due) {
      // One that fires may cancel another.
      if (!this.#timers.delete(timer)) continue;
      timer.handle.cancel();
      timer.fire();
    }
  }
}
