/**
 * Writes frames into the output queue. When a frame may be sent is for its callers to decide (send-scheduler.ts).
 */
import type { Buffer } from 'node:buffer';
import { Flag, FRAME_HEAD_BYTES, FrameType, MIN_MAX_FRAME_BYTES } from './frame-types.ts';
import type { HeaderBlock } from './hpack/hpack-encoder.ts';
import { type OutputQueue, SLAB_BYTES } from './output-queue.ts';

/** Payloads up to this size are copied behind their frame's head; larger ones are written without a copy. */
const COPY_LIMIT_BYTES = 8192;
/** HPACK's instruction "the dynamic table size is 0 now". */
const TABLE_SIZE_ZERO = Uint8Array.of(0x20);

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

  canWriteWhole(headBytes: number, bodyBytes: number, trailerBytes: number): boolean {
    return !this.#owesTableSize && headBytes + bodyBytes + trailerBytes + 3 * FRAME_HEAD_BYTES <= SLAB_BYTES;
  }

  /** HEADERS, one DATA, and HEADERS with END_STREAM, in one reservation. */
  wholeAnswer(streamId: number, head: HeaderBlock, body: Uint8Array, trailers: HeaderBlock): void {
    let at = this.#output.reserve(head.length + body.length + trailers.length + 3 * FRAME_HEAD_BYTES);
    const { slab } = this.#output;
    at = writeFrame(slab, at, FrameType.HEADERS, Flag.END_HEADERS, streamId, head);
    at = writeFrame(slab, at, FrameType.DATA, 0, streamId, body);
    writeFrame(slab, at, FrameType.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, streamId, trailers);
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

/** Up to this length a loop is faster than a call of `set`. */
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
