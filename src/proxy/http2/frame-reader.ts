/**
 * Splits the bytes of a connection into frames, in whatever pieces they come.
 *
 *   chunk      ├─ frame ─┼─ frame ─┼─ fra        whole frames: passed on in place, not copied
 *   chunk                            me ─┼─ …    a split frame: assembled in a slab, or in a buffer of its own size
 *
 * At most one frame is incomplete, so that a connection holds at most a slab or maxFrameBytes + 9 bytes here. Each of
 * those bytes is copied once (the nine of the head twice). A payload is a view, valid during onFrame only: its memory
 * is used again. Slabs matter for large bodies, which are split at every read of the socket: fresh memory for each
 * split keeps the garbage collector busy.
 */
import { Buffer } from 'node:buffer';
import { frameSizeError } from './error-code.ts';
import { FRAME_HEAD_BYTES } from './frame-types.ts';
import { SLAB_BYTES, type SlabPool } from './output-queue.ts';

/** Up to this size Node's own pool is cheaper than a slab. */
const SMALL_BYTES = 4096;

export interface FrameSink {
  /** The payload is bytes[start, end). Throws a ConnectionError to end the connection. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxFrameBytes: number;
  readonly #slabs: SlabPool;
  /** Memory of the incomplete frame; undefined if there is none. */
  #partial: Buffer | undefined;
  /** Size of that frame, head included; nine until the head is complete. */
  #size = 0;
  #filled = 0;
  #isStopped = false;

  constructor(sink: FrameSink, maxFrameBytes: number, slabs: SlabPool) {
    this.#sink = sink;
    this.#maxFrameBytes = maxFrameBytes;
    this.#slabs = slabs;
  }

  get hasPartialFrame(): boolean {
    return this.#partial !== undefined;
  }

  /** Passes on no more frames, not even those of the current chunk. */
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
      this.#emit(chunk, at, next);
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

  #emit(bytes: Buffer, at: number, end: number): void {
    // The highest bit of the stream id is reserved and ignored.
    const streamId = ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!;
    this.#sink.onFrame(bytes[at + 3]!, bytes[at + 4]!, streamId, bytes, at + FRAME_HEAD_BYTES, end);
  }

  #keep(chunk: Buffer, at: number): void {
    const isHeadWhole = chunk.length - at >= FRAME_HEAD_BYTES;
    this.#size = FRAME_HEAD_BYTES + (isHeadWhole ? this.#payloadLength(chunk, at) : 0);
    this.#partial = this.#take(this.#size);
    this.#filled = chunk.copy(this.#partial, 0, at);
  }

  /** Continues the incomplete frame. Returns where in the chunk its bytes end. */
  #resume(partial: Buffer, chunk: Buffer, from: number): number {
    const taken = chunk.copy(partial, this.#filled, from, from + this.#size - this.#filled);
    this.#filled += taken;
    const at = from + taken;
    if (this.#filled < this.#size) return at;
    // Nine bytes are a head alone or a whole frame without payload: the length in the head says which.
    const size = FRAME_HEAD_BYTES + this.#payloadLength(partial, 0);
    if (this.#size === size) {
      this.#partial = undefined;
      this.#emit(partial, 0, size);
      this.#slabs.give(partial);
      return at;
    }
    const whole = this.#take(size);
    partial.copy(whole, 0, 0, FRAME_HEAD_BYTES);
    this.#partial = whole;
    this.#size = size;
    return this.#resume(whole, chunk, at);
  }

  #take(size: number): Buffer {
    return size > SMALL_BYTES && size <= SLAB_BYTES ? this.#slabs.take() : Buffer.allocUnsafe(size);
  }
}
