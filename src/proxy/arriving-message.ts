/**
 * A message whose length is known before it has come, in one block of memory that grows with what comes.
 *
 * The length alone reserves nothing: there is room for at most 4 times the received bytes, or 16 KiB, or 1 MiB once as
 * much has come as a first frame holds; and for all of it when a mebibyte has come, if the machine reserves so much. So
 * most messages are copied once.
 */
import { Buffer } from 'node:buffer';
import type { MessageMemory } from './message-memory.ts';

const MAX_GROWTH = 4;
const MIN_ROOM_BYTES = 16_384;
/** Bytes that are reserved once a first frame has come: the machine gives no memory before it is written to. */
const TRUSTED_ROOM_BYTES = 2 ** 20;
const TRUSTED_FROM_BYTES = 8192;
const NO_ROOM = Buffer.alloc(0);

export class ArrivingMessage {
  /** Bytes of the whole. */
  readonly length: number;
  /** Bytes that have come. */
  filled = 0;
  readonly #memory: MessageMemory;
  #room: Buffer = NO_ROOM;

  constructor(length: number, memory: MessageMemory) {
    this.length = length;
    this.#memory = memory;
  }

  get isWhole(): boolean {
    return this.filled === this.length;
  }

  /** Copies what of `bytes` belongs to the message, from `start` on. Returns the number of those bytes. */
  append(bytes: Uint8Array, start = 0): number {
    const count = Math.min(this.length - this.filled, bytes.length - start);
    const filled = this.filled + count;
    if (filled > this.#room.length) this.#grow(filled);
    this.#room.set(bytes.subarray(start, start + count), this.filled);
    this.filled = filled;
    return count;
  }

  /** Copies the first bytes that have come, at most `most`. */
  begun(most: number): Uint8Array {
    return Buffer.from(this.#room.subarray(0, Math.min(this.filled, most)));
  }

  /** The whole message, which may be given back to the memory. */
  take(): Buffer {
    const whole = this.#room;
    this.#room = NO_ROOM;
    return whole;
  }

  /** Gives the memory back. */
  drop(): void {
    this.#memory.give(this.#room);
    this.#room = NO_ROOM;
  }

  #grow(filled: number): void {
    const least = Math.min(this.length, roomFor(filled));
    // A long message gets all of its room, so that little of it is ever copied at once.
    const most = filled >= TRUSTED_ROOM_BYTES ? this.length : least;
    const room = this.#reserve(most, least);
    room.set(this.#room.subarray(0, this.filled));
    this.#memory.give(this.#room);
    this.#room = room;
  }

  /** Takes fewer if the machine does not reserve `most`: what is only announced must not end the process. */
  #reserve(most: number, least: number): Buffer {
    try {
      return this.#memory.take(most);
    } catch {
      return this.#memory.take(least);
    }
  }
}

/** Bytes to reserve when `filled` bytes have come. */
function roomFor(filled: number): number {
  return Math.max(MAX_GROWTH * filled, filled >= TRUSTED_FROM_BYTES ? TRUSTED_ROOM_BYTES : MIN_ROOM_BYTES);
}
