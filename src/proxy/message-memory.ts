/** Memory for large messages, and for tensors that are read elsewhere. */
import { Buffer } from 'node:buffer';
import { freeBytes } from './growing-bytes.ts';

/** Node's pool serves smaller messages. */
const SMALLEST_KEPT = 4096;
/** Larger messages are too rare to be worth keeping memory for. */
const LARGEST_KEPT = 16 * 2 ** 20;
/** Bound on all kept memory: about fifty images of 600 KB. */
const MAX_KEPT_BYTES = 32 * 2 ** 20;
/** A message ends at a multiple of it: what is large in one, a tensor's bytes, stands at its end, and is then aligned. */
const ALIGNMENT = 8;

/**
 * A pool of memory for large messages. Fresh memory for each would be several hundred megabytes a second, and V8
 * collects its whole heap for each 64 MB of it (docs/adr/0010).
 *
 *   take(602_154) ──▶ a kept buffer of 640 KB, or a new one ──▶ message ──▶ give ──▶ kept
 *                          └ sizes: 4, 5, 6, 7 × 2^n
 *
 * Small messages come from Node's own pool, which is cheaper for them. The kept memory is bounded. Memory that is not
 * given back goes to the garbage collector. A runtime may read a large tensor where it stands, as it is aligned.
 */
export class MessageMemory {
  readonly #kept = new Map<number, ArrayBuffer[]>();
  #keptBytes = 0;

  /** Bytes that are kept for reuse. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Returns `length` uninitialised bytes. */
  take(length: number): Buffer {
    if (length < SMALLEST_KEPT || length > LARGEST_KEPT) return Buffer.allocUnsafe(length);
    const lead = leadOf(length);
    const size = sizeFor(lead + length);
    const kept = this.#kept.get(size)?.pop();
    if (kept !== undefined) this.#keptBytes -= size;
    const buffer = kept ?? (Buffer.allocUnsafeSlow(size).buffer as ArrayBuffer);
    return Buffer.from(buffer, lead, length);
  }

  /** Takes back memory that nobody reads any more; what it does not keep is freed. */
  give(memory: Uint8Array): void {
    const { buffer, byteLength } = memory;
    if (byteLength < SMALLEST_KEPT) return;
    const size = buffer.byteLength;
    const isOfPool = size <= LARGEST_KEPT && size === sizeFor(leadOf(byteLength) + byteLength);
    if (!isOfPool || this.#keptBytes + size > MAX_KEPT_BYTES) {
      freeBytes(memory);
      return;
    }
    const kept = this.#kept.get(size) ?? [];
    if (kept.length === 0) this.#kept.set(size, kept);
    kept.push(buffer as ArrayBuffer);
    this.#keptBytes += size;
  }

  /** Frees all that is kept. */
  trim(): void {
    for (const buffers of this.#kept.values()) for (const buffer of buffers) freeBytes(new Uint8Array(buffer));
    this.#kept.clear();
    this.#keptBytes = 0;
  }
}

/** Bytes in front of a message. */
function leadOf(length: number): number {
  return -length & (ALIGNMENT - 1);
}

/** The next of 4, 5, 6, 7 × 2^n: at most a fifth of it stays unused. */
function sizeFor(length: number): number {
  const quarter = 2 ** (29 - Math.clz32(length - 1));
  return Math.ceil(length / quarter) * quarter;
}
