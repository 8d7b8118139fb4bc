/**
 * Buffers that small frames are written into, and that a frame is put together in that did not come whole. A connection
 * holds one from its first write of a turn until the kernel has taken the bytes, which is nearly always at once, and
 * one while a frame is on its way: a few serve all connections.
 */
import { Buffer } from 'node:buffer';

/** What the largest answer in one piece takes. */
export const SLAB_BYTES = 32_768;
/**
 * 4 MB kept for reuse at most. As many connections as are answered in one turn need one each, and what is made anew each
 * turn makes V8 collect the whole heap (measured: four times a second at 64 connections with 16 of them kept).
 */
const MAX_SPARE = 128;

export class SlabPool {
  readonly #spare: Buffer[] = [];

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  }

  /** Nobody may refer to it any more. Memory that is no slab is left to the collector. */
  give(memory: Buffer): void {
    if (memory.length === SLAB_BYTES && this.#spare.length < MAX_SPARE) this.#spare.push(memory);
  }
}
