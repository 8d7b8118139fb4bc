/**
 * Do more than one run in twenty take longer than they may? Watched run by run, in one number.
 *
 *     a slow run    +19   ┐ in balance where 1 of 20 is slow: below that the score falls back to 0,
 *     any other      -1   ┘ above it climbs, and at 8 slow runs' worth the answer is yes
 *
 * So a lone pause (garbage collection, a busy neighbour) is forgotten, and a model that has become slow, or is sent
 * larger inputs than it was tried with, is found within some ten runs.
 */

const SLOW_WEIGHT = 19;
const SLOW_RUNS = 8;

export class SlowWatch {
  readonly #limitMs: number;
  #score = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Counts a run. True from when too many have been slow, until there are fewer. */
  isSlowAfter(runMs: number): boolean {
    if (runMs > this.#limitMs) this.#score += SLOW_WEIGHT;
    else if (this.#score > 0) this.#score--;
    return this.#score >= SLOW_WEIGHT * SLOW_RUNS;
  }
}
