/**
 * What may be sent when: the sending half of flow control (RFC 9113, 5.2), answers that wait for it, and turns between
 * streams.
 *
 *                      write ──▶ windows open and socket not congested? ──yes──▶ DATA frames, at once
 *                                              │ no
 *                                              ▼
 *    stream.chunks  [ a ][ b ][ c ]      waits on its stream, by reference
 *                                              │
 *        its own window 0: only there          │  its own window > 0: also in #ready, a round of streams
 *                                              ▼
 *         pump(): one frame of each ready stream in turn, until the connection's window or the socket is full
 *
 * A window may become negative: the peer can lower its initial size after we have sent. Then it waits until the peer
 * has opened it past zero.
 */
import { DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES, MIN_MAX_FRAME_BYTES } from './frame-types.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { HeaderBlock } from './hpack/hpack-encoder.ts';
import type { OutputQueue } from './output-queue.ts';

/** The sending half of a stream, as kept here. */
export interface SendingStream {
  readonly id: number;
  sendWindow: number;
  /** Waiting, in order; of the first, the bytes from chunkOffset on. */
  readonly chunks: Uint8Array[];
  chunkOffset: number;
  waitingBytes: number;
  /** Nothing comes after what waits but the trailers, if any. */
  isEnding: boolean;
  trailers: HeaderBlock | undefined;
  /** When it last sent something worth the name, in coarse time. */
  progressAt: number;
  /** END_STREAM has been written. */
  onSent(): void;
  /** It was told to stop writing and may go on. */
  onWritable(): void;
}

/** A peer that takes less than this at a time makes no progress, however often it does so. */
const PROGRESS_BYTES = 1024;
/** A longer frame would make the other streams wait behind it. */
const MAX_SENT_FRAME_BYTES = 65_536;

const NO_BYTES = new Uint8Array(0);

export class SendScheduler {
  readonly #output: OutputQueue;
  readonly #writer: FrameWriter;
  readonly #time: { readonly now: number };
  readonly #streamHighWaterBytes: number;
  /** Streams with something to send and their own window open, in turn. */
  readonly #ready = new Set<SendingStream>();
  /** Streams whose last write returned false. */
  readonly #blocked = new Set<SendingStream>();
  #window = DEFAULT_WINDOW_BYTES;
  #maxFrameBytes = MIN_MAX_FRAME_BYTES;
  #waitingBytes = 0;
  /** DATA frames sent that were not cut short by a window: what a client's control frames may answer to. */
  wholeFrames = 0;
  /** Of streams that begin from now on. */
  initialWindow = DEFAULT_WINDOW_BYTES;

  constructor(output: OutputQueue, writer: FrameWriter, time: { readonly now: number }, streamHighWaterBytes: number) {
    this.#output = output;
    this.#writer = writer;
    this.#time = time;
    this.#streamHighWaterBytes = streamHighWaterBytes;
  }

  /** Answer bytes of all streams that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  setMaxFrameBytes(bytes: number): void {
    this.#maxFrameBytes = Math.min(bytes, MAX_SENT_FRAME_BYTES);
  }

  /** Sends the whole answer at once, if it may go at once. */
  sendWhole(stream: SendingStream, head: HeaderBlock, body: Uint8Array, trailers: HeaderBlock): boolean {
    const length = body.length;
    const mayGo =
      length <= this.#window &&
      length <= stream.sendWindow &&
      length <= this.#maxFrameBytes &&
      this.#writer.canWriteWhole(head.length, length, trailers.length) &&
      !this.#output.isCongested;
    if (!mayGo) return false;
    this.#writer.wholeAnswer(stream.id, head, body, trailers);
    this.#window -= length;
    stream.sendWindow -= length;
    this.wholeFrames += 1;
    stream.onSent();
    return true;
  }

  /** The bytes belong to the connection from now on. False: enough for now, onWritable will tell. */
  send(stream: SendingStream, bytes: Uint8Array): boolean {
    let sent = 0;
    if (stream.waitingBytes === 0) {
      while (sent < bytes.length) {
        const count = this.#sendFrame(stream, bytes, sent, false);
        if (count === 0) break;
        sent += count;
      }
    }
    if (sent < bytes.length) this.#enqueue(stream, bytes, sent);
    if (stream.waitingBytes < this.#streamHighWaterBytes && !this.#output.isCongested) return true;
    this.#blocked.add(stream);
    return false;
  }

  /** Nothing more will be sent on the stream but its trailers. */
  finish(stream: SendingStream, trailers: HeaderBlock | undefined): void {
    stream.isEnding = true;
    stream.trailers = trailers;
    if (stream.waitingBytes > 0) return;
    if (trailers === undefined) this.#writer.data(stream.id, NO_BYTES, 0, 0, true);
    else this.#writer.headers(stream.id, trailers, true);
    stream.onSent();
  }

  /** The stream is closed: what waits is dropped. */
  drop(stream: SendingStream): void {
    if (stream.waitingBytes > 0) {
      this.#waitingBytes -= stream.waitingBytes;
      stream.waitingBytes = 0;
      stream.chunks.length = 0;
      this.#ready.delete(stream);
    }
    if (this.#blocked.size > 0) this.#blocked.delete(stream);
  }

  /** False: past what a window may be. */
  openConnection(increment: number): boolean {
    if (this.#window + increment > MAX_WINDOW_BYTES) return false;
    this.#window += increment;
    this.pump();
    return true;
  }

  /** The same for one stream; a negative increment is the peer's lowering of the initial size. */
  openStream(stream: SendingStream, increment: number): boolean {
    if (stream.sendWindow + increment > MAX_WINDOW_BYTES) return false;
    stream.sendWindow += increment;
    if (stream.sendWindow <= 0) this.#ready.delete(stream);
    else if (stream.waitingBytes > 0) this.#ready.add(stream);
    return true;
  }

  /** Sends what may be sent of what waits. */
  pump(): void {
    // Streams that are added again while this runs are visited again: that is the round.
    for (const stream of this.#ready) {
      if (this.#window <= 0 || this.#output.isCongested) break;
      this.#ready.delete(stream);
      this.#sendNext(stream);
    }
    if (this.#blocked.size > 0) this.#unblock();
  }

  get canPump(): boolean {
    return this.#ready.size > 0 && this.#window > 0 && !this.#output.isCongested;
  }

  #enqueue(stream: SendingStream, bytes: Uint8Array, from: number): void {
    if (stream.waitingBytes === 0) {
      stream.chunkOffset = from;
      stream.progressAt = this.#time.now;
    }
    stream.chunks.push(bytes);
    stream.waitingBytes += bytes.length - from;
    this.#waitingBytes += bytes.length - from;
    if (stream.sendWindow > 0) this.#ready.add(stream);
  }

  /** One frame of bytes[from …), as long as may be. Returns how many bytes went. */
  #sendFrame(stream: SendingStream, bytes: Uint8Array, from: number, isLastChunk: boolean): number {
    const wanted = Math.min(bytes.length - from, this.#maxFrameBytes);
    const count = Math.min(wanted, stream.sendWindow, this.#window);
    if (count <= 0 || this.#output.isCongested) return 0;
    const isEnd = isLastChunk && from + count === bytes.length && stream.trailers === undefined;
    this.#writer.data(stream.id, bytes, from, from + count, isEnd);
    stream.sendWindow -= count;
    this.#window -= count;
    if (count === wanted) this.wholeFrames += 1;
    return count;
  }

  #sendNext(stream: SendingStream): void {
    const chunk = stream.chunks[0]!;
    const isLastChunk = stream.isEnding && stream.chunks.length === 1;
    const count = this.#sendFrame(stream, chunk, stream.chunkOffset, isLastChunk);
    stream.chunkOffset += count;
    stream.waitingBytes -= count;
    this.#waitingBytes -= count;
    const isChunkDone = stream.chunkOffset === chunk.length;
    if (isChunkDone) {
      stream.chunks.shift();
      stream.chunkOffset = 0;
    }
    if (isChunkDone || count >= PROGRESS_BYTES) stream.progressAt = this.#time.now;
    if (stream.waitingBytes === 0) this.#sentAll(stream);
    else if (stream.sendWindow > 0) this.#ready.add(stream);
  }

  #sentAll(stream: SendingStream): void {
    if (!stream.isEnding) return;
    if (stream.trailers !== undefined) this.#writer.headers(stream.id, stream.trailers, true);
    stream.onSent();
  }

  #unblock(): void {
    for (const stream of this.#blocked) {
      if (this.#output.isCongested) return;
      if (stream.waitingBytes * 2 > this.#streamHighWaterBytes) continue;
      this.#blocked.delete(stream);
      stream.onWritable();
    }
  }
}
