/**
 * Allocates places for tensors in memory that two threads share.
 *
 *     0                          top                          byteLength
 *     ├── place ──┬── place ──┬───▼──────────── free ─────────────┤
 *
 * One thread allocates, for one batch at a time: `clear`, then a place for each tensor. Places begin at multiples of
 * eight bytes, which suits every element type. When the slab is full, the batch goes by message.
 */

const ALIGNMENT = 8;

export class SharedSlab {
  readonly #memory: SharedArrayBuffer;
  #top = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
  }

  /** End of the last place, in bytes. */
  get top(): number {
    return this.#top;
  }

  /** Frees all places. */
  clear(): void {
    this.#top = 0;
  }

  /** Copies the bytes to a new place and returns its offset, or -1 when the slab is full. */
  put(bytes: Uint8Array): number {
    const start = Math.ceil(this.#top / ALIGNMENT) * ALIGNMENT;
    const end = start + bytes.byteLength;
    if (end > this.#memory.byteLength) return -1;
    this.#top = end;
    new Uint8Array(this.#memory, start, bytes.byteLength).set(bytes);
    return start;
  }
}
