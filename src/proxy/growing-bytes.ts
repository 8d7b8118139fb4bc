/**
 * Bytes that come in pieces, in one Buffer that grows with them. Memory that is outgrown or dropped goes back to the
 * system at once: until V8 collects it, a burst of large bodies could leave several times its own size.
 */
import { Buffer } from 'node:buffer';
import { MessageChannel, type MessagePort } from 'node:worker_threads';

const NO_BYTES = Buffer.alloc(0);
/**
 * Bytes that are reserved at once, if so many are expected. When so many have come, all that are expected are reserved:
 * room that nobody has written to takes no memory, and to copy half of a body of 63 MiB holds the event loop for 25 ms.
 */
const TRUSTED_BYTES = 2 ** 20;
const GROWTH = 2;
/** The call that frees memory is not worth its cost for less. */
const LEAST_FREED_BYTES = 16 * 1024;

/** A closed port: what is transferred to it is dropped (HTML, 9.4.4: the transfer comes first). */
const nowhere = closedPort();

function closedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.close();
  port2.close();
  return port1;
}

/**
 * Frees the memory, if it is large. No other view of it may be in use: all of them are empty from then on. Node's pool
 * is never freed: no Buffer has more than half of it.
 */
export function freeBytes({ buffer, byteLength }: Uint8Array): void {
  if (buffer.byteLength < LEAST_FREED_BYTES || byteLength * 2 <= buffer.byteLength) return;
  nowhere.postMessage(undefined, [buffer as ArrayBuffer]);
}

/** Takes `all` bytes, or `fewer` if the machine does not reserve so many: what is only announced must not end the process. */
export function takeAsMany(all: number, fewer: number, take: (length: number) => Buffer): Buffer {
  try {
    return take(all);
  } catch {
    return take(fewer);
  }
}

export class GrowingBytes {
  readonly #expected: number;
  #room: Buffer = NO_BYTES;
  length = 0;

  /** @param expected the most that will come, if known; else Infinity */
  constructor(expected: number) {
    this.#expected = expected;
  }

  append(piece: Uint8Array): void {
    const needed = this.length + piece.length;
    if (needed > this.#room.length) this.#grow(needed);
    this.#room.set(piece, this.length);
    this.length = needed;
  }

  /** Takes all bytes, which belong to the caller from now on. */
  take(): Buffer {
    const whole = this.#room.subarray(0, this.length);
    this.#room = NO_BYTES;
    return whole;
  }

  drop(): void {
    freeBytes(this.#room);
    this.#room = NO_BYTES;
    this.length = 0;
  }

  #grow(needed: number): void {
    const expected = this.#expected;
    const isTrusted = expected <= TRUSTED_BYTES || (needed > TRUSTED_BYTES && expected < Infinity);
    const least = Math.max(needed, Math.min(expected, GROWTH * needed));
    const most = isTrusted ? Math.max(needed, expected) : least;
    const grown = takeAsMany(most, least, Buffer.allocUnsafeSlow);
    grown.set(this.#room.subarray(0, this.length));
    freeBytes(this.#room);
    this.#room = grown;
  }
}
