/**
 * One request and its answer.
 *
 *                         HEADERS
 *                idle ──────────────▶ open ──── END_STREAM from the client ───▶ half closed (remote)
 *                                      │                                              │
 *                            END_STREAM from us;                                END_STREAM from us
 *                            the rest of the request is                               │
 *                            no longer wanted: RST_STREAM(NO_ERROR)                   │
 *                                      ▼                                              ▼
 *                                   closed ◀──────── RST_STREAM, either way ──────── closed
 *
 * So "half closed (local)" lasts no longer than a call. Whatever happens, the sink's onClose is called exactly once.
 * After it every method here does nothing: a handler whose client has left need not ask first.
 */
import type { Duplex } from 'node:stream';
import { ErrorCode } from '../error-code.ts';
import type { FrameWriter } from '../frame-writer.ts';
import type { HeaderField } from '../hpack/header-field.ts';
import type { HeaderBlock } from '../hpack/hpack-encoder.ts';
import type { Http2Options } from '../options.ts';
import type { SendingStream, SendScheduler } from '../send-scheduler.ts';
import type { ReceiveWindow } from './flow-window.ts';

/** What a handler gives to be told of its request. Called synchronously, while the connection reads. */
export interface StreamSink {
  /**
   * The next bytes of the body, lent until this returns: copy what must stay. Whoever has done with bytes says so by
   * stream.consume.
   */
  onData(chunk: Uint8Array): void;
  /** The request is whole. */
  onEnd(trailers: readonly HeaderField[] | undefined): void;
  /** A write returned false; now there is room again. */
  onWritable(): void;
  /**
   * The stream's end, once. Undefined: the whole answer has been handed to the connection. Else the error code: the
   * client's reset or ours, or CANCEL when the connection was lost.
   */
  onClose(code: number | undefined): void;
}

/** The answering side of one request. */
export interface Http2Stream {
  readonly id: number;
  /** Set it in onStream, before anything else is called here. */
  sink: StreamSink;
  readonly isClosed: boolean;
  /** Of the connection: for the peer's address or certificate, not to be read or written. */
  readonly duplex: Duplex;
  /** Lets the client send `count` more bytes of body. */
  consume(count: number): void;
  /** The answer's headers; with isEnd it has no body and no trailers. */
  respond(head: HeaderBlock, isEnd?: boolean): void;
  /** Part of the answer's body; the bytes belong to the engine from now on. False: wait for onWritable. */
  write(bytes: Uint8Array): boolean;
  /** Ends the answer, with trailers if given. */
  end(trailers?: HeaderBlock): void;
  /** respond, write and end in one: the fast way. */
  respondUnary(head: HeaderBlock, body: Uint8Array, trailers: HeaderBlock): void;
  reset(code: number): void;
}

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly duplex: Duplex;
  readonly options: Http2Options;
  readonly writer: FrameWriter;
  readonly sends: SendScheduler;
  /** No more answer bytes may be taken: the client has let too many wait. */
  readonly isFull: boolean;
  consume(stream: ServerStream, count: number): void;
  /** The answer is complete. */
  finished(stream: ServerStream): void;
  resetByUs(stream: ServerStream, code: number): void;
  /** Calls a handler's callback; what it throws ends the stream, not the process. */
  failed(stream: ServerStream, error: unknown): void;
}

const NO_SINK: StreamSink = { onData() {}, onEnd() {}, onWritable() {}, onClose() {} };

const FRESH = 0;
const ANSWERING = 1;
const ENDED = 2;

export class ServerStream implements Http2Stream, SendingStream, ReceiveWindow {
  readonly id: number;
  readonly #owner: StreamOwner;
  #answer = FRESH;
  sink = NO_SINK;
  isClosed = false;
  /** END_STREAM has come. */
  isRequestWhole = false;
  readonly contentLength: number;
  /** Bytes of body that have come. */
  receivedBytes = 0;
  /** Bytes of body that the handler has not consumed: returned to the connection's window when the stream closes. */
  unreadBytes = 0;
  readonly windowBytes: number;
  available: number;
  credit = 0;
  sendWindow: number;
  readonly chunks: Uint8Array[] = [];
  chunkOffset = 0;
  waitingBytes = 0;
  isEnding = false;
  trailers: HeaderBlock | undefined = undefined;
  progressAt = 0;

  constructor(owner: StreamOwner, id: number, contentLength: number) {
    this.#owner = owner;
    this.id = id;
    this.windowBytes = owner.options.streamWindowBytes;
    this.available = owner.options.streamWindowBytes;
    this.sendWindow = owner.sends.initialWindow;
    this.contentLength = contentLength;
  }

  get duplex(): Duplex {
    return this.#owner.duplex;
  }

  consume(count: number): void {
    if (this.isClosed || count <= 0) return;
    if (count > this.unreadBytes) throw new Error(`consume(${count}) of ${this.unreadBytes} bytes`);
    this.unreadBytes -= count;
    this.#owner.consume(this, count);
  }

  respond(head: HeaderBlock, isEnd = false): void {
    if (this.isClosed) return;
    this.#advance(FRESH, isEnd ? ENDED : ANSWERING);
    this.#owner.writer.headers(this.id, head, isEnd);
    if (isEnd) this.onSent();
  }

  write(bytes: Uint8Array): boolean {
    if (this.isClosed) return false;
    this.#advance(ANSWERING, ANSWERING);
    if (this.#owner.isFull) {
      this.#owner.resetByUs(this, ErrorCode.ENHANCE_YOUR_CALM);
      return false;
    }
    return this.#owner.sends.send(this, bytes);
  }

  end(trailers?: HeaderBlock): void {
    if (this.isClosed) return;
    this.#advance(ANSWERING, ENDED);
    this.#owner.sends.finish(this, trailers);
  }

  respondUnary(head: HeaderBlock, body: Uint8Array, trailers: HeaderBlock): void {
    if (this.isClosed) return;
    this.#advance(FRESH, ANSWERING);
    if (this.#owner.sends.sendWhole(this, head, body, trailers)) return;
    this.#owner.writer.headers(this.id, head, false);
    this.write(body);
    this.end(trailers);
  }

  reset(code: number): void {
    if (!this.isClosed) this.#owner.resetByUs(this, code);
  }

  onSent(): void {
    this.#owner.finished(this);
  }

  onWritable(): void {
    try {
      this.sink.onWritable();
    } catch (error) {
      this.#owner.failed(this, error);
    }
  }

  #advance(from: number, to: number): void {
    if (this.#answer !== from) throw new Error(MISUSE[this.#answer]);
    this.#answer = to;
  }
}

const MISUSE = ['the answer has not begun: call respond first', 'the answer has begun', 'the answer has ended'];
