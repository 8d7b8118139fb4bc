/** The bytes of frames, as they are received and sent. Their layout is in frame-types.ts. */
import { Buffer } from 'node:buffer';
import { frameSizeError } from './error-code.ts';
import { Flag, FRAME_HEAD_BYTES, FrameType, MIN_MAX_FRAME_BYTES } from './frame-types.ts';
import type { HeaderBlock } from './hpack/hpack-encoder.ts';
import { type OutputQueue, SLAB_BYTES, type SlabPool } from './output-queue.ts';

/** The size up to which Node's own pool is cheaper than a slab. */
const SMALL_BYTES = 4096;

export interface FrameSink {
  /** The payload is bytes[start, end). Throws a ConnectionError to end the connection. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

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

/** Payloads up to this size are copied behind their frame's head; larger ones are written without a copy. */
const COPY_LIMIT_BYTES = 8192;
/** HPACK's instruction "the dynamic table size is 0 now". */
const TABLE_SIZE_ZERO = Uint8Array.of(0x20);

/**
 * Writes frames into the output queue. When a frame may be sent is for its callers to decide (send-scheduler.ts).
 */
export class FrameWriter {
  readonly #output: OutputQueue;
  /** The peer lowered its table size: the next header block must begin with the new size (RFC 7541, 4.2). */
  #owesTableSize = false;

  constructor(output: OutputQueue) {
    this.#output = output;
  }

  settings(payload: Uint8Array): void {
    this.#small(FrameType.SETTINGS, 0, 0, payload, 0, payload.length);
  }

  settingsAck(): void {
    this.#reserveFrame(0, FrameType.SETTINGS, Flag.ACK, 0);
  }

  ping(payload: Uint8Array): void {
    this.#small(FrameType.PING, 0, 0, payload, 0, 8);
  }

  /** Echoes the eight bytes from `start` on. */
  pingAck(bytes: Uint8Array, start: number): void {
    this.#small(FrameType.PING, Flag.ACK, 0, bytes, start, start + 8);
  }

  /** `text`: short ASCII for the peer's log. */
  goAway(lastStreamId: number, code: number, text: string): void {
    const at = this.#reserveFrame(8 + text.length, FrameType.GOAWAY, 0, 0);
    const { slab } = this.#output;
    slab.writeUInt32BE(lastStreamId, at);
    slab.writeUInt32BE(code, at + 4);
    slab.write(text, at + 8, 'latin1');
  }

  resetStream(streamId: number, code: number): void {
    const at = this.#reserveFrame(4, FrameType.RST_STREAM, 0, streamId);
    this.#output.slab.writeUInt32BE(code, at);
  }

  windowUpdate(streamId: number, increment: number): void {
    const at = this.#reserveFrame(4, FrameType.WINDOW_UPDATE, 0, streamId);
    this.#output.slab.writeUInt32BE(increment, at);
  }

  owesTableSize(): void {
    this.#owesTableSize = true;
  }

  /** HEADERS, and CONTINUATION frames for the rest of a block that is longer than any peer's smallest frame limit. */
  headers(streamId: number, block: HeaderBlock, isEnd: boolean): void {
    const whole = this.#owesTableSize ? concat(TABLE_SIZE_ZERO, block) : block;
    this.#owesTableSize = false;
    let end = Math.min(whole.length, MIN_MAX_FRAME_BYTES);
    let type: number = FrameType.HEADERS;
    let flags = isEnd ? Flag.END_STREAM : 0;
    for (let at = 0; ; at = end, end = Math.min(whole.length, at + MIN_MAX_FRAME_BYTES)) {
      if (end === whole.length) flags |= Flag.END_HEADERS;
      this.#small(type, flags, streamId, whole, at, end);
      if (end === whole.length) return;
      type = FrameType.CONTINUATION;
      flags = 0;
    }
  }

  data(streamId: number, bytes: Uint8Array, start: number, end: number, isEnd: boolean): void {
    const flags = isEnd ? Flag.END_STREAM : 0;
    if (end - start <= COPY_LIMIT_BYTES) {
      this.#small(FrameType.DATA, flags, streamId, bytes, start, end);
      return;
    }
    const at = this.#output.reserve(FRAME_HEAD_BYTES);
    writeHead(this.#output.slab, at, end - start, FrameType.DATA, flags, streamId);
    this.#output.append(bytes.subarray(start, end));
  }

  /** HEADERS, one DATA, and HEADERS with END_STREAM, in one reservation; false if they do not fit in one. */
  wholeAnswer(streamId: number, head: HeaderBlock, body: Uint8Array, trailers: HeaderBlock): boolean {
    const size = head.length + body.length + trailers.length + 3 * FRAME_HEAD_BYTES;
    if (this.#owesTableSize || size > SLAB_BYTES) return false;
    let at = this.#output.reserve(size);
    const { slab } = this.#output;
    at = writeFrame(slab, at, FrameType.HEADERS, Flag.END_HEADERS, streamId, head);
    at = writeFrame(slab, at, FrameType.DATA, 0, streamId, body);
    writeFrame(slab, at, FrameType.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, streamId, trailers);
    return true;
  }

  #small(type: number, flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void {
    const at = this.#reserveFrame(end - start, type, flags, streamId);
    copyInto(this.#output.slab, at, bytes, start, end);
  }

  /** Writes a frame's head. Returns the offset of its payload in the slab. */
  #reserveFrame(length: number, type: number, flags: number, streamId: number): number {
    const at = this.#output.reserve(FRAME_HEAD_BYTES + length);
    writeHead(this.#output.slab, at, length, type, flags, streamId);
    return at + FRAME_HEAD_BYTES;
  }
}

function writeFrame(slab: Buffer, at: number, type: number, flags: number, id: number, payload: Uint8Array): number {
  writeHead(slab, at, payload.length, type, flags, id);
  copyInto(slab, at + FRAME_HEAD_BYTES, payload, 0, payload.length);
  return at + FRAME_HEAD_BYTES + payload.length;
}

function writeHead(slab: Buffer, at: number, length: number, type: number, flags: number, streamId: number): void {
  slab[at] = length >>> 16;
  slab[at + 1] = length >>> 8;
  slab[at + 2] = length;
  slab[at + 3] = type;
  slab[at + 4] = flags;
  slab[at + 5] = streamId >>> 24;
  slab[at + 6] = streamId >>> 16;
  slab[at + 7] = streamId >>> 8;
  slab[at + 8] = streamId;
}

/** The length up to which a loop is faster than a call of `set`. */
const LOOP_BYTES = 64;

function copyInto(slab: Buffer, at: number, bytes: Uint8Array, start: number, end: number): void {
  if (end - start > LOOP_BYTES) {
    slab.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
    return;
  }
  for (let from = start, to = at; from < end; from++, to++) slab[to] = bytes[from]!;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
