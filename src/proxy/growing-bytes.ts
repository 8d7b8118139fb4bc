/**
 * Bytes that come in pieces, and nobody knows how many, in one Buffer that grows with them. Memory that is outgrown or
 * dropped goes back to the system at once: until V8 collects it, a burst of large bodies could leave several times its
 * own size.
 */
import { Buffer } from 'node:buffer';
import { MessageChannel, type MessagePort } from 'node:worker_threads';

const NO_BYTES = Buffer.alloc(0);
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

export class GrowingBytes {
  #room: Buffer = NO_BYTES;
  length = 0;

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
    const grown = Buffer.allocUnsafeSlow(GROWTH * needed);
    grown.set(this.#room.subarray(0, this.length));
    freeBytes(this.#room);
    this.#room = grown;
  }
}
