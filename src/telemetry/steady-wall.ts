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
    const atZero = wallOf(this.#clock, 0);
    if (Math.abs(atZero - this.#atZero) > MAX_WALL_DRIFT_MS) this.#atZero = atZero;
    return this.#atZero;
  }

  /** Wall time of an instant, in ms since 1970. */
  of(instant: Instant): number {
    return this.atZero() + instant;
  }
}
