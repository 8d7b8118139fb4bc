/**
 * Chance that repeats: the same seed gives the same numbers on every machine (sfc32, as in PractRand; integers only).
 *
 * Not for secrets. Draws are taken in the order of the calls: a generator that two owners share repeats only while both
 * ask in the same order, so that each owner makes one of its own (`fork`).
 */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  /** The second of the last pair of normal draws. */
  #spare: number | undefined;

  constructor(seed: number, stream = 0) {
    this.#a = seed >>> 0;
    this.#b = Math.floor(seed / 2 ** 32) >>> 0;
    this.#c = stream >>> 0;
    for (let i = 0; i < 16; i++) this.#next();
  }

  /** One that is independent of this one; `stream` tells it from others of the same parent state. */
  fork(stream: number): SeededRandom {
    return new SeededRandom(this.#next() * 2 ** 20 + (this.#next() & 0xfffff), stream);
  }

  /** Returns a number in [0, 1) with 32 random bits. */
  uniform(): number {
    return this.#next() / 2 ** 32;
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform());
  }

  /** Mean 0, deviation 1 (Marsaglia's polar method). */
  normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spare = y * factor;
      return x * factor;
    }
  }

  /** Mean shape × scale, squared coefficient of variation 1 / shape (Marsaglia and Tsang, 2000). */
  gamma(shape: number, scale: number): number {
    // The method does not hold below 1: it draws one dimension higher, and a power of a uniform brings it down.
    if (shape < 1) return this.gamma(shape + 1, scale) * (1 - this.uniform()) ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v <= 0) continue;
      if (Math.log(1 - this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v * scale;
    }
  }

  /** An index, by its weight: `cumulative` is ascending and ends in the weights' sum. */
  pick(cumulative: readonly number[]): number {
    const at = this.uniform() * cumulative[cumulative.length - 1]!;
    let i = 0;
    while (i < cumulative.length - 1 && cumulative[i]! <= at) i++;
    return i;
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }
}
