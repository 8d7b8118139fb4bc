/**
 * A piece of memory that two threads share, and the giving out of it from one end to the other.
 *
 *     0                          top                          byteLength
 *     ├── place ──┬── place ──┬───▼──────────── free ─────────────┤
 *
 * One thread gives it out, for one batch at a time: `clear`, then a place for each tensor. Places begin at multiples of
 * eight bytes, as every element type wants. Full is not an error: the batch takes another way.
 */

const ALIGNMENT = 8;

export class SharedSlab {
  readonly #memory: SharedArrayBuffer;
  #top = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
  }

  /** Where what was given out ends. */
  get top(): number {
    return this.#top;
  }

  /** Gives out from the beginning again: whatever lies there may be overwritten. */
  clear(): void {
    this.#top = 0;
  }

  /** Copies the bytes to a place of their own. Where that begins, or -1 when it is full. */
  put(bytes: Uint8Array): number {
    const start = Math.ceil(this.#top / ALIGNMENT) * ALIGNMENT;
    const end = start + bytes.byteLength;
    if (end > this.#memory.byteLength) return -1;
    this.#top = end;
    new Uint8Array(this.#memory, start, bytes.byteLength).set(bytes);
    return start;
  }
}
