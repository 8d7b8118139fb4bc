/**
 * Detects that more than 1 run in 20 takes longer than its limit. The state is one score:
 *
 *     a slow run    +19   ┐ balanced when 1 run of 20 is slow: with fewer the score falls to 0,
 *     another run    -1   ┘ with more it rises; the worth of 8 slow runs is the threshold
 *
 * So a single pause (garbage collection, a busy neighbour) is forgotten. A model that has become slow, or that gets
 * larger inputs than its calibration had, is detected within some ten runs.
 */

const SLOW_WEIGHT = 19;
const SLOW_RUNS = 8;

export class SlowRunDetector {
  readonly #limitMs: number;
  #score = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Counts a run and returns true while too many runs have been slow. */
  isSlowAfter(runMs: number): boolean {
    if (runMs > this.#limitMs) this.#score += SLOW_WEIGHT;
    else if (this.#score > 0) this.#score--;
    return this.#score >= SLOW_WEIGHT * SLOW_RUNS;
  }
}
