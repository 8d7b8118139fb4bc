/**
 * Memory of large messages, used again. Fresh memory for each would be several hundred megabytes a second of tensors,
 * and V8 answers each 64 MB of those with a collection of its whole heap: measured with images of 600 KB, 45 % of the
 * process's CPU.
 *
 *   take(602_154) ──▶ a kept buffer of 640 KB, or a new one ──▶ message ──▶ give ──▶ kept
 *                          └ sizes: 4, 5, 6, 7 × 2^n
 *
 * Small messages come from Node's own pool and go to the collector: for them that is cheaper. What is kept is bounded;
 * whoever does not give back leaves it to the collector, too.
 */
import { Buffer } from 'node:buffer';

/** From here on memory is kept: what Node's pool does not serve. */
const SMALLEST_KEPT = 4096;
/** Larger ones are so rare that they are not kept. */
const LARGEST_KEPT = 16 * 2 ** 20;
/** Of all that waits to be used again: some thirty images, or what a few busy connections have under way. */
const MAX_KEPT_BYTES = 32 * 2 ** 20;

export class MessageMemory {
  readonly #kept = new Map<number, ArrayBuffer[]>();
  #keptBytes = 0;

  /** Bytes that wait to be used again. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** `length` bytes of any content. */
  take(length: number): Uint8Array {
    if (length < SMALLEST_KEPT || length > LARGEST_KEPT) return Buffer.allocUnsafe(length);
    const size = sizeFor(length);
    const kept = this.#kept.get(size)?.pop();
    if (kept !== undefined) this.#keptBytes -= size;
    const buffer = kept ?? (Buffer.allocUnsafeSlow(size).buffer as ArrayBuffer);
    return Buffer.from(buffer, 0, length);
  }

  /** What was taken, when nobody reads it any more. */
  give({ buffer, byteLength }: Uint8Array): void {
    const size = buffer.byteLength;
    if (byteLength < SMALLEST_KEPT || size > LARGEST_KEPT || size !== sizeFor(byteLength)) return;
    if (this.#keptBytes + size > MAX_KEPT_BYTES) return;
    const kept = this.#kept.get(size) ?? [];
    if (kept.length === 0) this.#kept.set(size, kept);
    kept.push(buffer as ArrayBuffer);
    this.#keptBytes += size;
  }
}

/** The next of 4, 5, 6, 7 × 2^n: at most a fifth of it is not used. */
function sizeFor(length: number): number {
  const quarter = 2 ** (29 - Math.clz32(length - 1));
  return Math.ceil(length / quarter) * quarter;
}
