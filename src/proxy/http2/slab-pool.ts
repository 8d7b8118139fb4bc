/**
 * Buffers into which small frames are written and split frames are assembled. A connection holds one from its first
 * write of a turn until the kernel has taken the bytes, which is nearly always at once, and one while it receives a
 * split frame: a few serve all connections.
 */
import { Buffer } from 'node:buffer';

/** Holds the largest answer that is written in one piece. */
export const SLAB_BYTES = 32_768;
/** 4 MB are kept at most. Each connection answered in a turn needs a slab; new ones each turn cost full collections. */
const MAX_SPARE = 128;

export class SlabPool {
  readonly #spare: Buffer[] = [];

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  }

  /** Takes back memory that nothing refers to any more; memory of another size is left to the garbage collector. */
  give(memory: Buffer): void {
    if (memory.length === SLAB_BYTES && this.#spare.length < MAX_SPARE) this.#spare.push(memory);
  }
}
