/**
 * Decides when answers may be sent: the sending half of flow control (RFC 9113, 5.2), the answers that wait for a
 * window, and a round robin of their streams.
 *
 *                      write ──▶ windows open and socket not congested? ──yes──▶ DATA frames, at once
 *                                              │ no
 *                                              ▼
 *    stream.chunks  [ a ][ b ][ c ]      waits in its stream, by reference
 *                                              │
 *        its own window 0: only there          │  its own window > 0: also in #ready, a round of streams
 *                                              ▼
 *         pump(): one frame of each ready stream in turn, until the connection's window or the socket is full
 *
 * A window may become negative, because the peer can lower its initial size after we have sent. The stream then waits
 * until the peer has opened the window past zero.
 */
import type { UnsentBytes } from '../../core/unsent-bytes.ts';
import { DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES, MIN_MAX_FRAME_BYTES } from './frame-types.ts';
import type { FrameWriter } from './frames.ts';
import type { HeaderBlock } from './hpack/hpack-encoder.ts';
import type { OutputQueue } from './output-queue.ts';

/** The sending half of a stream. */
export interface SendingStream {
  readonly id: number;
  sendWindow: number;
  /** Bytes that wait, in order; those of the first chunk before chunkOffset have been sent. */
  readonly chunks: Uint8Array[];
  chunkOffset: number;
  waitingBytes: number;
  /** No more bytes will be added; the trailers, if any, end the stream. */
  isEnding: boolean;
  trailers: HeaderBlock | undefined;
  /** When it last made progress (PROGRESS_BYTES), to the server's last tick. */
  progressAt: number;
  /** END_STREAM has been written. */
  onSent(): void;
  /** A write returned false; now there is room again. */
  onWritable(): void;
}

/** Shared by the connections of one server. */
interface SendEnvironment {
  readonly time: { readonly now: number };
  /** Bytes that wait, over all connections. */
  readonly unsent: UnsentBytes;
}

/** A stream that sends less than this at a time makes no progress, however often it sends. */
const PROGRESS_BYTES = 1024;
/** A longer frame would make the other streams wait behind it. */
const MAX_SENT_FRAME_BYTES = 65_536;

const NO_BYTES = new Uint8Array(0);

export class SendScheduler {
  readonly #output: OutputQueue;
  readonly #writer: FrameWriter;
  readonly #time: { readonly now: number };
  readonly #unsent: UnsentBytes;
  readonly #streamHighWaterBytes: number;
  /** Streams with something to send and their own window open, in turn. */
  readonly #ready = new Set<SendingStream>();
  /** Streams whose last write returned false. */
  readonly #blocked = new Set<SendingStream>();
  #window = DEFAULT_WINDOW_BYTES;
  #maxFrameBytes = MIN_MAX_FRAME_BYTES;
  /** Answer bytes that wait, of all streams. */
  waitingBytes = 0;
  /** DATA frames that no window cut short: each allows the client control frames in answer. */
  wholeFrames = 0;
  /** Initial window of new streams. */
  initialWindow = DEFAULT_WINDOW_BYTES;

  constructor(output: OutputQueue, writer: FrameWriter, environment: SendEnvironment, streamHighWaterBytes: number) {
    this.#output = output;
    this.#writer = writer;
    this.#time = environment.time;
    this.#unsent = environment.unsent;
    this.#streamHighWaterBytes = streamHighWaterBytes;
  }

  setMaxFrameBytes(bytes: number): void {
    this.#maxFrameBytes = Math.min(bytes, MAX_SENT_FRAME_BYTES);
  }

  /** Sends a whole answer if nothing stands in its way; else returns false and sends nothing. */
  sendWhole(stream: SendingStream, head: HeaderBlock, body: Uint8Array, trailers: HeaderBlock): boolean {
    const length = body.length;
    const mayGo =
      length <= this.#window &&
      length <= stream.sendWindow &&
      length <= this.#maxFrameBytes &&
      !this.#output.isCongested;
    if (!mayGo || !this.#writer.wholeAnswer(stream.id, head, body, trailers)) return false;
    this.#window -= length;
    stream.sendWindow -= length;
    this.wholeFrames += 1;
    stream.onSent();
    return true;
  }

  /** Takes over the bytes. Returns false if enough waits; onWritable is called when there is room. */
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

  /** Ends the stream after the bytes that wait, with its trailers if given. */
  finish(stream: SendingStream, trailers: HeaderBlock | undefined): void {
    stream.isEnding = true;
    stream.trailers = trailers;
    if (stream.waitingBytes > 0) return;
    if (trailers === undefined) this.#writer.data(stream.id, NO_BYTES, 0, 0, true);
    else this.#writer.headers(stream.id, trailers, true);
    stream.onSent();
  }

  /** Drops the waiting bytes of a closed stream. */
  drop(stream: SendingStream): void {
    if (stream.waitingBytes > 0) {
      this.waitingBytes -= stream.waitingBytes;
      this.#unsent.bytes -= stream.waitingBytes;
      stream.waitingBytes = 0;
      stream.chunks.length = 0;
      this.#ready.delete(stream);
    }
    if (this.#blocked.size > 0) this.#blocked.delete(stream);
  }

  /** Returns false if the window would grow past its maximum. */
  openConnection(increment: number): boolean {
    if (this.#window + increment > MAX_WINDOW_BYTES) return false;
    this.#window += increment;
    this.pump();
    return true;
  }

  /** Opens one stream's window likewise; the increment is negative where the peer lowers the initial size. */
  openStream(stream: SendingStream, increment: number): boolean {
    if (stream.sendWindow + increment > MAX_WINDOW_BYTES) return false;
    stream.sendWindow += increment;
    if (stream.sendWindow <= 0) this.#ready.delete(stream);
    else if (stream.waitingBytes > 0) this.#ready.add(stream);
    return true;
  }

  /** Sends waiting bytes as far as the windows and the socket allow. */
  pump(): void {
    // A stream that is added again during the loop is visited again: that makes the round robin.
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
    this.waitingBytes += bytes.length - from;
    this.#unsent.bytes += bytes.length - from;
    if (stream.sendWindow > 0) this.#ready.add(stream);
  }

  /** Sends the longest frame of bytes[from …) that may be sent. Returns its payload's length. */
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
    this.waitingBytes -= count;
    this.#unsent.bytes -= count;
    const isChunkDone = stream.chunkOffset === chunk.length;
    if (isChunkDone) {
      stream.chunks.shift();
      stream.chunkOffset = 0;
    }
    if (isChunkDone || count >= PROGRESS_BYTES) stream.progressAt = this.#time.now;
    if (stream.waitingBytes > 0) {
      if (stream.sendWindow > 0) this.#ready.add(stream);
    } else if (stream.isEnding) {
      if (stream.trailers !== undefined) this.#writer.headers(stream.id, stream.trailers, true);
      stream.onSent();
    }
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
