/**
 * Weighted isotonic regression by pooling adjacent violators (Ayer and others, 1955): the nearest values that never
 * fall. Where a value is above the next, both become their weighted mean, and so on backwards.
 *
 *   3 ·            ·──·          weights of the two at the step: 1 and 1
 *   2 · ·──·   →   ·                                                          O(n), allocates nothing
 */
export class MonotoneFit {
  /** Blocks of equal value so far. */
  readonly #values: number[];
  readonly #weights: number[];
  readonly #lengths: number[];

  /** @param count number of values in each call */
  constructor(count: number) {
    this.#values = Array<number>(count).fill(0);
    this.#weights = Array<number>(count).fill(0);
    this.#lengths = Array<number>(count).fill(0);
  }

  /** Fits in place. `weights` are above 0. */
  fit(values: number[], weights: readonly number[]): void {
    let blocks = 0;
    for (let i = 0; i < values.length; i++) {
      this.#values[blocks] = values[i]!;
      this.#weights[blocks] = weights[i]!;
      this.#lengths[blocks] = 1;
      for (; blocks > 0 && this.#values[blocks - 1]! > this.#values[blocks]!; blocks--) this.#join(blocks - 1);
      blocks += 1;
    }
    let next = 0;
    for (let block = 0; block < blocks; block++) {
      const end = next + this.#lengths[block]!;
      while (next < end) values[next++] = this.#values[block]!;
    }
  }

  /** Joins a block and the next one. */
  #join(block: number): void {
    const [weight, more] = [this.#weights[block]!, this.#weights[block + 1]!];
    const sum = weight + more;
    this.#values[block] = (this.#values[block]! * weight + this.#values[block + 1]! * more) / sum;
    this.#weights[block] = sum;
    this.#lengths[block] = this.#lengths[block]! + this.#lengths[block + 1]!;
  }
}
