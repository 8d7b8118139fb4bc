/**
 * Collects the sets of categories of a forest: rows of bits, one after the other (forest.ts). A file of some hundred
 * bytes may ask for the largest set, so memory is allocated as bits, and grows by doubling: at its peak it takes three
 * times what the sets do.
 */

/** Bits of all sets of categories, in 32-bit words: 64 MiB. A single category of 16 million takes 2 MiB. */
const MAX_SET_WORDS = 2 ** 24;
/** A set's number must be exact in a Float32Array. */
const MAX_SETS = 2 ** 24;

/** Its errors are plain Errors. */
export class SetBuilder {
  readonly #starts: number[] = [0];
  #words = new Uint32Array(64);
  /** Words in use. */
  #length = 0;

  /** Returns the set's number. */
  add(categories: Iterable<number>): number {
    const start = this.#length;
    const set = this.#starts.length - 1;
    if (set === MAX_SETS) throw new Error(`the model has more than ${MAX_SETS} splits on categories`);
    for (const category of categories) {
      if (!Number.isInteger(category) || category < 0) {
        throw new Error(`a split has the category ${category}; categories are whole numbers from 0`);
      }
      const word = start + Math.floor(category / 32);
      if (word >= this.#length) this.#grow(word + 1);
      this.#words[word]! |= 1 << (category % 32);
    }
    this.#starts.push(this.#length);
    return set;
  }

  /** The sets so far, as `setStarts` and `setWords` of a forest. */
  build(): { readonly setStarts: Int32Array; readonly setWords: Uint32Array } {
    return { setStarts: Int32Array.from(this.#starts), setWords: this.#words.slice(0, this.#length) };
  }

  /** New words are 0. */
  #grow(length: number): void {
    if (length > MAX_SET_WORDS) {
      throw new Error(`the model's sets of categories take more than ${4 * MAX_SET_WORDS} bytes`);
    }
    this.#length = length;
    if (length <= this.#words.length) return;
    const words = new Uint32Array(Math.min(Math.max(length, 2 * this.#words.length), MAX_SET_WORDS));
    words.set(this.#words);
    this.#words = words;
  }
}
