/** The nearest values that never fall. */

/**
 * Weighted isotonic regression by pooling adjacent violators (Ayer and others, 1955): the nearest values that never
 * fall. Where a value is above the next, both become their weighted mean, and so on backwards. O(n).
 */
export class MonotoneFit {
  /** Blocks of equal value so far. */
  readonly #values: Float64Array;
  readonly #weights: Float64Array;
  readonly #lengths: Float64Array;

  /** @param count of the values */
  constructor(count: number) {
    this.#values = new Float64Array(count);
    this.#weights = new Float64Array(count);
    this.#lengths = new Float64Array(count);
  }

  /** Fits in place. `weights` are above 0. */
  fit(values: Float64Array, weights: Float64Array): void {
    let blocks = 0;
    for (let i = 0; i < values.length; i++) {
      let value = values[i]!;
      let weight = weights[i]!;
      let length = 1;
      for (; blocks > 0 && this.#values[blocks - 1]! > value; blocks--) {
        const before = this.#weights[blocks - 1]!;
        value = (this.#values[blocks - 1]! * before + value * weight) / (before + weight);
        weight += before;
        length += this.#lengths[blocks - 1]!;
      }
      this.#values[blocks] = value;
      this.#weights[blocks] = weight;
      this.#lengths[blocks] = length;
      blocks += 1;
    }
    let next = 0;
    for (let block = 0; block < blocks; block++) {
      for (let i = this.#lengths[block]!; i > 0; i--) values[next++] = this.#values[block]!;
    }
  }
}
