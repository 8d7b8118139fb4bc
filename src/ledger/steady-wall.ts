/**
 * Converts monotonic instants to wall time. The wall clock ticks in whole ms: if the offset were read for every
 * instant, a child span could start up to 1 ms before its parent. So the offset is kept until the two clocks differ too
 * much.
 */
import { type Clock, type Instant, wallOf } from '../core/clock.ts';

/** Difference in ms between the clocks at which the offset is read again. */
const MAX_WALL_DRIFT_MS = 2;

export class SteadyWall {
  readonly #clock: Clock;
  #atZero = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wall time at monotonic 0, in ms since 1970. */
  atZero(): number {
    if (this.#isNear(wallOf(this.#clock, 0))) return this.#atZero;
    // A process that had to wait for a core between reading the two clocks has seen no drift.
    const again = wallOf(this.#clock, 0);
    if (!this.#isNear(again)) this.#atZero = again;
    return this.#atZero;
  }

  #isNear(atZero: number): boolean {
    return Math.abs(atZero - this.#atZero) <= MAX_WALL_DRIFT_MS;
  }

  /** Wall time of an instant, in ms since 1970. */
  of(instant: Instant): number {
    return this.atZero() + instant;
  }
}
