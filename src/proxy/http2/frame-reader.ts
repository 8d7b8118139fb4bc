/**
 * Cuts the bytes of a connection into frames, in whatever pieces they come.
 *
 *   chunk      ├─ frame ─┼─ frame ─┼─ fra        whole frames: handed out in place, nothing copied
 *   chunk                            me ─┼─ …    a frame cut in two: put together in a buffer of its own size
 *
 * At most one frame is incomplete, so that a connection holds at most maxFrameBytes + 9 here; each of its bytes is
 * copied once (the nine of its head twice). A payload is a view into the chunk, which is lent for the call of `read`, or
 * into that buffer.
 */
import { Buffer } from 'node:buffer';
import { frameSizeError } from './error-code.ts';
import { FRAME_HEAD_BYTES } from './frame-types.ts';

export interface FrameSink {
  /** The payload is bytes[start, end). Throws a ConnectionError to end the connection. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxFrameBytes: number;
  /** The frame that has not come whole: nine bytes long until its length is known. */
  #partial: Buffer | undefined;
  #filled = 0;
  #isStopped = false;

  constructor(sink: FrameSink, maxFrameBytes: number) {
    this.#sink = sink;
    this.#maxFrameBytes = maxFrameBytes;
  }

  get hasPartialFrame(): boolean {
    return this.#partial !== undefined;
  }

  /** Hands out no more frames, not even of the chunk in hand. */
  stop(): void {
    this.#isStopped = true;
    this.#partial = undefined;
  }

  read(chunk: Buffer, from = 0): void {
    let at = this.#partial === undefined ? from : this.#resume(this.#partial, chunk, from);
    const end = chunk.length;
    while (end - at >= FRAME_HEAD_BYTES && !this.#isStopped) {
      const next = at + FRAME_HEAD_BYTES + this.#payloadLength(chunk, at);
      if (next > end) break;
      this.#handOut(chunk, at, next);
      at = next;
    }
    if (at < end && !this.#isStopped) this.#keep(chunk, at);
  }

  #payloadLength(bytes: Buffer, at: number): number {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    if (length > this.#maxFrameBytes) {
      throw frameSizeError(`frame of ${length} bytes; the largest accepted is ${this.#maxFrameBytes}`);
    }
    return length;
  }

  #handOut(bytes: Buffer, at: number, end: number): void {
    // The highest bit of the stream id is reserved and ignored.
    const streamId = ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!;
    this.#sink.onFrame(bytes[at + 3]!, bytes[at + 4]!, streamId, bytes, at + FRAME_HEAD_BYTES, end);
  }

  #keep(chunk: Buffer, at: number): void {
    const isHeadWhole = chunk.length - at >= FRAME_HEAD_BYTES;
    const size = FRAME_HEAD_BYTES + (isHeadWhole ? this.#payloadLength(chunk, at) : 0);
    this.#partial = Buffer.allocUnsafe(size);
    this.#filled = chunk.copy(this.#partial, 0, at);
  }

  /** Goes on with the frame that has begun. Returns where in the chunk it ended. */
  #resume(partial: Buffer, chunk: Buffer, from: number): number {
    const taken = chunk.copy(partial, this.#filled, from, from + partial.length - this.#filled);
    this.#filled += taken;
    const at = from + taken;
    if (this.#filled < partial.length) return at;
    // A head alone is nine bytes; a whole frame of nine bytes has no payload: both are told apart by the length in it.
    const size = FRAME_HEAD_BYTES + this.#payloadLength(partial, 0);
    if (partial.length === size) {
      this.#partial = undefined;
      this.#handOut(partial, 0, size);
      return at;
    }
    const whole = Buffer.allocUnsafe(size);
    partial.copy(whole);
    this.#partial = whole;
    return this.#resume(whole, chunk, at);
  }
}
