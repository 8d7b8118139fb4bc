/**
 * The server's event loop as one thread that takes time: reading and answering cost microseconds of a core, one after
 * the other, and what comes meanwhile waits.
 *
 *   turn n−1  │ request │ request │ a batch has ended │ deferred │
 *   turn n                                                       │ what came since │ deferred │
 *
 * Jobs are done in the order in which they came; a job has its effect at its end. Timers fire between jobs. What the
 * scheduler defers runs at the end of the turn, as setImmediate does.
 */
import type { Clock, Instant, TimerHandle } from '../../../core/clock.ts';
import type { SharedCores } from './shared-cores.ts';

interface Job {
  readonly costMs: number;
  readonly act: () => void;
}

export class SimulatedLoop implements Clock {
  readonly #clock: Clock;
  readonly #cores: SharedCores;
  #jobs: Job[] = [];
  #deferred: (() => void)[] = [];
  /** Jobs that are left of this turn. */
  #left = 0;
  #isInTurn = false;
  #isBusy = false;
  #turnStart: Instant = 0;
  #cameAt: Instant = 0;

  constructor(clock: Clock, cores: SharedCores) {
    this.#clock = clock;
    this.#cores = cores;
  }

  nowMs(): Instant {
    return this.#clock.nowMs();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  /** The clock as the event loop sees it: a timer that is due while the loop works fires when the loop is free. */
  setTimer(at: Instant, fire: () => void): TimerHandle {
    let isCancelled = false;
    const timer = this.#clock.setTimer(at, () => {
      this.post(0, () => {
        if (!isCancelled) fire();
      });
    });
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  /** When the server takes a request that is read in this turn to have come (ledger/arrival-clock.ts). */
  get cameAt(): Instant {
    return this.#cameAt;
  }

  /** Works for `costMs` as soon as it is free, then calls `act`. */
  post(costMs: number, act: () => void): void {
    this.#jobs.push({ costMs, act });
  }

  /** Calls `run` at the end of this turn. */
  defer(run: () => void): void {
    this.#deferred.push(run);
  }

  /**
   * Goes on, now: begins the next job, or ends the turn. Call it, and let promises settle in between, until it is false:
   * it works until a later instant, or has nothing to do.
   */
  next(): boolean {
    if (this.#isBusy) return false;
    if (this.#left > 0) return this.#begin(this.#jobs.shift()!);
    if (this.#deferred.length > 0) {
      const due = this.#deferred;
      this.#deferred = [];
      for (const run of due) run();
      return true;
    }
    if (this.#jobs.length > 0) {
      this.#beginTurn();
      return true;
    }
    this.#isInTurn = false;
    this.#cores.setLoopBusy(false);
    return false;
  }

  #beginTurn(): void {
    const now = this.nowMs();
    this.#cameAt = this.#isInTurn ? (this.#turnStart + now) / 2 : now;
    this.#turnStart = now;
    this.#isInTurn = true;
    this.#left = this.#jobs.length;
  }

  #begin({ costMs, act }: Job): boolean {
    this.#left -= 1;
    if (costMs === 0) {
      act();
      return true;
    }
    this.#isBusy = true;
    this.#cores.setLoopBusy(true);
    this.#clock.setTimer(this.nowMs() + costMs / this.#cores.loopPace, () => {
      this.#isBusy = false;
      act();
    });
    return false;
  }
}
