/**
 * One request and its answer, and the window by which its client may send.
 *
 *                         HEADERS
 *                idle ──────────────▶ open ──── END_STREAM from the client ───▶ half closed (remote)
 *                                      │                                              │
 *                            END_STREAM from us;                                END_STREAM from us
 *                            RST_STREAM(NO_ERROR) stops                               │
 *                            the rest of the request                                  │
 *                                      ▼                                              ▼
 *                                   closed ◀──────── RST_STREAM, either way ──────── closed
 *
 * So a stream is never "half closed (local)" between two calls. The sink's onClose is called exactly once, and every
 * method does nothing after it: a handler need not check whether its client is still there.
 */
import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { ErrorCode } from '../error-code.ts';
import type { FrameWriter } from '../frames.ts';
import type { HeaderField } from '../hpack/header-field.ts';
import type { HeaderBlock } from '../hpack/hpack-encoder.ts';
import type { Http2Options } from '../options.ts';
import type { SendingStream, SendScheduler } from '../send-scheduler.ts';

/**
 * The receiving half of flow control (RFC 9113, 5.2), for a stream and for the connection alike.
 *
 *   ├──────── windowBytes ────────┤
 *   ├ available ┼ credit ┼ unread ┤
 *     the peer    read by   given to a handler that has not consumed it yet
 *     may send    handlers, (bytes under way still count as available)
 *                 not announced
 *
 * A frame moves its bytes from `available` to unread; consuming them moves them to `credit`. At half a window the
 * credit is announced with WINDOW_UPDATE and becomes available again. That is often enough that a peer which sends
 * without pause never waits, and seldom enough that small requests cost no frame each.
 */
export interface ReceiveWindow {
  readonly windowBytes: number;
  available: number;
  credit: number;
}

/** Counts a frame of `count` bytes, padding included. Returns false if the peer was not allowed to send it. */
export function receiveBytes(window: ReceiveWindow, count: number): boolean {
  window.available -= count;
  return window.available >= 0;
}

/** Counts bytes as consumed. Returns the increment to announce now; 0 = not yet. */
export function consumeBytes(window: ReceiveWindow, count: number): number {
  window.credit += count;
  if (window.credit * 2 < window.windowBytes) return 0;
  const increment = window.credit;
  window.credit = 0;
  window.available += increment;
  return increment;
}

/** A handler's callbacks for one request. Called synchronously, while the connection reads. */
export interface StreamSink {
  /** The next bytes of the body, valid until this returns. Call stream.consume when they have been processed. */
  onData(chunk: Uint8Array): void;
  /**
   * The body came whole, in one frame: bytes[start, end), valid until this returns. True: it was taken, and neither
   * onData nor onEnd is called.
   */
  onWhole?(bytes: Buffer, start: number, end: number): boolean;
  /** The request is whole. */
  onEnd(trailers: readonly HeaderField[] | undefined): void;
  /** Called at each tick of the server (options.tickMs) while the request is not whole. */
  onTick?(): void;
  /** A write returned false; now there is room again. */
  onWritable(): void;
  /** The client takes nothing of the answer, and the stream is about to be reset. */
  onStalled?(): void;
  /**
   * The stream has closed. `code` is undefined if the connection has taken the whole answer; else it is the error code
   * of a reset by either side, or CANCEL if the connection was lost.
   */
  onClose(code: number | undefined): void;
}

/** The answering side of one request. */
export interface Http2Stream {
  readonly id: number;
  /** Set it in onStream, before anything else is called here. */
  sink: StreamSink;
  readonly isClosed: boolean;
  /** The client has sent all of the request. */
  readonly isRequestWhole: boolean;
  /** The connection's: for the peer's address or certificate, not to be read or written. */
  readonly duplex: Duplex;
  /** Lets the client send `count` more bytes of body. */
  consume(count: number): void;
  /**
   * It goes at another's pace. Its writer waits for onWritable, so that it never holds more than that: no bound for all
   * answers ends it. What its handler has not consumed is lent by the connection's window (options.loanBytes), so that a
   * stalled request holds up none but itself.
   */
  isPaced: boolean;
  /** Sends headers before the answer's: 1xx. */
  inform(head: HeaderBlock): void;
  /** Sends the answer's headers; with isEnd there is no body and no trailers. */
  respond(head: HeaderBlock, isEnd?: boolean): void;
  /** Sends a part of the body, whose bytes belong to the engine from then on. False: wait for onWritable. */
  write(bytes: Uint8Array): boolean;
  /** Ends the answer, with trailers if given. */
  end(trailers?: HeaderBlock): void;
  /** respond, write and end in one: the fast way. */
  respondUnary(head: HeaderBlock, body: Uint8Array, trailers: HeaderBlock): void;
  reset(code: number): void;
}

/** The part of its connection that a stream uses. */
export interface StreamOwner {
  readonly duplex: Duplex;
  readonly options: Http2Options;
  readonly writer: FrameWriter;
  readonly sends: SendScheduler;
  /** So many answer bytes wait, for this client or for all, that no more are taken. */
  readonly isFull: boolean;
  consume(stream: ServerStream, count: number): void;
  /** The answer is complete. */
  finished(stream: ServerStream): void;
  resetByUs(stream: ServerStream, code: number): void;
  /** A handler's callback threw: that ends the stream, not the process. */
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
  isPaced = false;
  /** The client has sent END_STREAM. */
  isRequestWhole = false;
  readonly contentLength: number;
  /** Bytes of body received. */
  receivedBytes = 0;
  /** Received bytes that the handler has not consumed; the connection's window gets them back at the stream's end. */
  unreadBytes = 0;
  /** The part of them that the connection's window has got back already. */
  lentBytes = 0;
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

  inform(head: HeaderBlock): void {
    if (!this.isClosed && this.#answer === FRESH) this.#owner.writer.headers(this.id, head, false);
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
    if (this.#owner.isFull && !this.isPaced) {
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

  onTick(): void {
    try {
      this.sink.onTick?.();
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
