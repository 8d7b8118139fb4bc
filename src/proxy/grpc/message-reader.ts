/**
 * Splits the body of a call into messages, in whatever pieces it comes.
 *
 *   chunks    ├ 5 │ message ┼ 5 │ message ┼ 5 │ mess        whole in its chunk: copied at once
 *                                              age ┼ …      over several: an ArrivingMessage
 *   the five: flag (0 plain, 1 compressed), length of the message (32 bits, big-endian)
 *
 * The caller pulls: it calls `push` with a chunk, `next` until there is no message, then `keep`; the chunk is valid
 * until then. A caller that must pause does not call `next`. Its chunks wait here, and only the bytes taken so far are
 * given back to the client's window (`takeConsumed`). Of a message that it cannot have, it calls `skip`.
 *
 * An announced length is checked against the limit.
 */
import { Buffer } from 'node:buffer';
import { invalidRequest, ServingError } from '../../core/errors.ts';
import { ArrivingMessage } from '../arriving-message.ts';
import type { MessageMemory } from '../message-memory.ts';
import { MESSAGE_HEAD_BYTES } from './engine.ts';

const FLAG_COMPRESSED = 1;
/** Longer messages have memory that is reused (MessageMemory), or are charged. */
const SHORT_BYTES = 2048;
/** The length up to which a loop is faster than a call of `set`. */
const LOOP_BYTES = 128;
const EMPTY = new Uint8Array(0);

export class MessageReader {
  readonly #maxBytes: number;
  readonly #memory: MessageMemory;
  #chunk: Uint8Array | undefined;
  /** #chunk belongs to the caller. */
  #isLent = false;
  /** Bytes taken from #chunk. */
  #at = 0;
  /** Chunks after #chunk. */
  #waiting: Uint8Array[] | undefined;
  /** Received bytes of an incomplete head. */
  #headBytes = 0;
  #length = 0;
  /** A message that began in an earlier chunk. */
  #partial: ArrivingMessage | undefined;
  /** Bytes of a skipped message that have not come yet. */
  #skipping = 0;
  #consumed = 0;
  /** Whether the message that `next` returned last is compressed. */
  isCompressed = false;

  /** @param maxBytes of a message as received; @param memory for messages: their reader may give it back */
  constructor(maxBytes: number, memory: MessageMemory) {
    this.#maxBytes = maxBytes;
    this.#memory = memory;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#chunk === undefined) {
      this.#chunk = chunk;
      this.#isLent = true;
      this.#at = 0;
    } else {
      this.#waiting ??= [];
      this.#waiting.push(Buffer.from(chunk));
    }
  }

  /** Copies the rest of the chunk, so that the caller may reuse its bytes. */
  keep(): void {
    if (this.#chunk === undefined || !this.#isLent) return;
    this.#chunk = Buffer.from(this.#chunk.subarray(this.#at));
    this.#isLent = false;
    this.#at = 0;
  }

  /** The next message, or undefined until more is pushed. Throws ServingError (too_large, invalid_request). */
  next(): Uint8Array | undefined {
    for (let chunk = this.#chunk; chunk !== undefined; chunk = this.#chunk) {
      if (this.#skipping > 0) {
        this.#passOver(chunk);
        continue;
      }
      const message = this.#partial === undefined ? this.#begin(chunk) : this.#continue(this.#partial, chunk);
      if (message !== undefined) return message;
    }
    return undefined;
  }

  /** Bytes taken since the last call. */
  takeConsumed(): number {
    const consumed = this.#consumed;
    this.#consumed = 0;
    return consumed;
  }

  /** Bytes that have come and were not taken as a message. */
  get heldBytes(): number {
    let bytes = this.#partial?.filled ?? 0;
    if (this.#chunk !== undefined) bytes += this.#chunk.length - this.#at;
    if (this.#waiting !== undefined) for (const { length } of this.#waiting) bytes += length;
    return bytes;
  }

  /** A message has begun to come and is not whole. */
  get isWithinMessage(): boolean {
    return this.#partial !== undefined || this.#headBytes > 0 || this.#skipping > 0;
  }

  /** Length of the message that comes, as its head says; 0 between messages. */
  get announcedBytes(): number {
    return this.#partial?.length ?? 0;
  }

  /**
   * Passes over the message that comes, and its rest as it comes. The result are the bytes of it that have come, at most
   * `most`; undefined if none comes.
   */
  skip(most: number): Uint8Array | undefined {
    const partial = this.#partial;
    if (partial === undefined) return undefined;
    const begun = partial.begun(most);
    partial.drop();
    this.#partial = undefined;
    this.#skipping = partial.length - partial.filled;
    return begun;
  }

  /** Forgets what has come. */
  drop(): void {
    this.#partial?.drop();
    this.#partial = undefined;
    this.#chunk = undefined;
    this.#waiting = undefined;
  }

  /** Describes an incomplete message for an error's text; undefined if there is none. */
  get remainder(): string | undefined {
    if (this.#partial !== undefined) return `${this.#partial.filled} of ${this.#partial.length} bytes`;
    if (this.#skipping > 0) return `${this.#length - this.#skipping} of ${this.#length} bytes`;
    return this.#headBytes > 0 ? `${this.#headBytes} of the ${MESSAGE_HEAD_BYTES} bytes in front of it` : undefined;
  }

  #passOver(chunk: Uint8Array): void {
    const count = Math.min(this.#skipping, chunk.length - this.#at);
    this.#skipping -= count;
    this.#advance(chunk, count);
  }

  #begin(chunk: Uint8Array): Uint8Array | undefined {
    if (!this.#readHead(chunk)) return undefined;
    const length = this.#length;
    if (length === 0) return EMPTY;
    const start = this.#at;
    // The whole message may stand in this chunk; the chunk is another by now if it ended with the head.
    if (this.#chunk === chunk && chunk.length - start >= length) {
      this.#advance(chunk, length);
      const message = this.#memory.take(length);
      message.set(chunk.subarray(start, start + length));
      return message;
    }
    this.#partial = new ArrivingMessage(length, this.#memory);
    return undefined;
  }

  /** Reads the head byte by byte, because it may be split. Returns false if the chunk ends before the head does. */
  #readHead(chunk: Uint8Array): boolean {
    const count = Math.min(MESSAGE_HEAD_BYTES - this.#headBytes, chunk.length - this.#at);
    for (let i = 0; i < count; i++, this.#headBytes++) {
      const byte = chunk[this.#at + i]!;
      if (this.#headBytes > 0) this.#length = this.#length * 256 + byte;
      else {
        if (byte > FLAG_COMPRESSED) throw badFlag(byte);
        this.isCompressed = byte === FLAG_COMPRESSED;
        this.#length = 0;
      }
    }
    this.#advance(chunk, count);
    if (this.#headBytes < MESSAGE_HEAD_BYTES) return false;
    this.#headBytes = 0;
    if (this.#length > this.#maxBytes) throw tooLarge(`a message of ${this.#length} bytes`, this.#maxBytes);
    return true;
  }

  #continue(partial: ArrivingMessage, chunk: Uint8Array): Uint8Array | undefined {
    this.#advance(chunk, partial.append(chunk, this.#at));
    if (!partial.isWhole) return undefined;
    this.#partial = undefined;
    return partial.take();
  }

  #advance(chunk: Uint8Array, count: number): void {
    this.#at += count;
    this.#consumed += count;
    if (this.#at < chunk.length) return;
    this.#chunk = this.#waiting?.shift();
    this.#isLent = false;
    this.#at = 0;
  }
}

/** A copy of the message that bytes[start, end) are; undefined if they are not exactly one that is short and plain. */
export function shortMessage(bytes: Buffer, start: number, end: number): Uint8Array | undefined {
  const first = start + MESSAGE_HEAD_BYTES;
  const length = end - first;
  if (length < 1 || length > SHORT_BYTES || bytes[start] !== 0) return undefined;
  if (bytes.readUInt32BE(start + 1) !== length) return undefined;
  const message = Buffer.allocUnsafe(length);
  if (length > LOOP_BYTES) message.set(bytes.subarray(first, end));
  else for (let i = 0; i < length; i++) message[i] = bytes[first + i]!;
  return message;
}

function badFlag(flag: number): ServingError {
  const fix = 'send 0 (plain) or 1 (compressed), then its length in 4 bytes';
  return invalidRequest(`a message begins with byte ${flag}; ${fix}`);
}

export function tooLarge(what: string, maxBytes: number): ServingError {
  return new ServingError(
    'too_large',
    `${what} is larger than the ${maxBytes} bytes that this server takes; send fewer rows at once`,
  );
}
