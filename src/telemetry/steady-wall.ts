/**
 * Wall time of monotonic instants. The wall clock ticks in whole ms: an offset read for every instant would put a
 * child's start up to 1 ms before its parent's, and show one instant as two times. So the offset is kept until the two
 * clocks have run apart.
 */
import { type Clock, type Instant, wallOf } from '../core/clock.ts';

/** How far the wall clock may run away from the kept offset before it is read anew. */
const MAX_WALL_DRIFT_MS = 2;

export class SteadyWall {
  readonly #clock: Clock;
  #atZero = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wall time in ms since 1970 at monotonic 0, looked at now. */
  atZero(): number {
    const atZero = wallOf(this.#clock, 0);
    if (Math.abs(atZero - this.#atZero) > MAX_WALL_DRIFT_MS) this.#atZero = atZero;
    return this.#atZero;
  }

  /** Wall time of an instant in ms since 1970. */
  of(instant: Instant): number {
    return this.atZero() + instant;
  }
}
