/**
 * Buffers that small frames are written into. A connection holds one from its first write of a turn until the kernel
 * has taken the bytes, which is nearly always at once: a few serve all connections.
 */
import { Buffer } from 'node:buffer';

export const SLAB_BYTES = 65_536;
/** 1 MB kept for reuse at most; more are made when needed and collected. */
const MAX_SPARE = 16;

export class SlabPool {
  readonly #spare: Buffer[] = [];

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  }

  /** Nobody may refer to it any more. */
  give(slab: Buffer): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(slab);
  }
}
