/**
 * The state that the parts of a connection share: streams, windows, budgets, and how a stream ends. It reads no frame
 * and touches no socket.
 */
import type { Duplex } from 'node:stream';
import type { Clock, Instant } from '../../core/clock.ts';
import { TokenBucket } from '../../core/collections/token-bucket.ts';
import type { UnsentBytes } from '../../core/unsent-bytes.ts';
import { ErrorCode, enhanceYourCalm } from './error-code.ts';
import type { FlushTurn, IdlePolicy } from './flush-turn.ts';
import { DEFAULT_WINDOW_BYTES } from './frame-types.ts';
import { FrameWriter } from './frames.ts';
import type { HeaderField } from './hpack/header-field.ts';
import type { Http2Options } from './options.ts';
import { type OutputOwner, OutputQueue, type SlabPool } from './output-queue.ts';
import { SendScheduler } from './send-scheduler.ts';
import type { RequestHeaders } from './streams/request-headers.ts';
import {
  consumeBytes,
  type Http2Stream,
  type ReceiveWindow,
  type ServerStream,
  type StreamOwner,
} from './streams/stream.ts';
import { Closed, StreamRegistry } from './streams/stream-registry.ts';

/** The callbacks that an application gives to a server. */
export interface Http2Handler {
  /** A new request: set stream.sink, and answer now or later. */
  onStream(stream: Http2Stream, headers: RequestHeaders): void;
  /** A callback of this handler or of a sink threw, and its stream was reset with INTERNAL_ERROR. */
  onHandlerError(error: unknown): void;
  /** Answers a request whose header list is too large; `begun` is its beginning. Default: a bare 431. */
  onHeadersTooLarge?(stream: Http2Stream, begun: readonly HeaderField[]): void;
}

/** Shared by the connections of one server. */
export interface ConnectionEnvironment {
  readonly handler: Http2Handler;
  readonly options: Http2Options;
  readonly clock: Clock;
  /** `now` is the time of the server's last tick: precise enough for timeouts. */
  readonly time: { readonly now: Instant };
  readonly turn: FlushTurn;
  readonly idle: IdlePolicy;
  readonly slabs: SlabPool;
  /** Answer bytes that wait, and bodies that paced streams have not read, over all connections of the process. */
  readonly unsent: UnsentBytes;
  /** Bytes of bodies that paced streams have not read, over all connections of the server. */
  readonly unread: UnsentBytes;
}

/** Control frames that a finished request allows its client: WINDOW_UPDATE on two levels, a PING, a late reset. */
const EARNED_PER_REQUEST = 4;
/** Those that a frame of an answer allows in an open stream: all but the reset. gRPC's C core sends all three. */
const EARNED_PER_FRAME = 3;

export class ConnectionCore implements StreamOwner {
  readonly duplex: Duplex;
  readonly environment: ConnectionEnvironment;
  readonly options: Http2Options;
  readonly output: OutputQueue;
  readonly writer: FrameWriter;
  readonly sends: SendScheduler;
  readonly streams = new StreamRegistry();
  /** The connection's own window, beside those of its streams. */
  readonly window: ReceiveWindow;
  /**
   * Budgets against clients that keep to the protocol but make us work more than they do: they reset their requests as
   * soon as they have begun (CVE-2023-44487), make us reset them (CVE-2025-8671), or send endless PING, SETTINGS,
   * PRIORITY, WINDOW_UPDATE, empty DATA or unknown frames. Each such frame takes a token; none left: GOAWAY
   * ENHANCE_YOUR_CALM. Finished requests earn tokens, because well-behaved clients send some of these frames for each: a
   * WINDOW_UPDATE or two for what they have read, a PING to measure the path when data comes.
   */
  readonly #resets: TokenBucket;
  readonly #mistakes: TokenBucket;
  readonly #settings: TokenBucket;
  readonly #control: TokenBucket;
  readonly #onNoStreams: () => void;
  #seenWholeFrames = 0;
  /** The lent bytes of all streams. */
  #lentBytes = 0;
  /** The unread bytes of all paced streams. */
  #unreadBytes = 0;
  /** The last GOAWAY has been written: no frame comes after it. */
  isEnded = false;

  /** @param onNoStreams is called whenever the last open stream has closed */
  constructor(duplex: Duplex, environment: ConnectionEnvironment, owner: OutputOwner, onNoStreams: () => void) {
    const { options, turn, slabs, clock } = environment;
    this.duplex = duplex;
    this.environment = environment;
    this.options = options;
    this.output = new OutputQueue(duplex, turn, slabs, owner, options.socketHighWaterBytes);
    this.writer = new FrameWriter(this.output);
    this.sends = new SendScheduler(this.output, this.writer, environment, options.streamHighWaterBytes);
    // The protocol has no way to make it smaller than its default.
    const windowBytes = Math.max(options.connectionWindowBytes, DEFAULT_WINDOW_BYTES);
    this.window = { windowBytes, available: windowBytes, credit: 0 };
    const now = clock.nowMs();
    this.#resets = new TokenBucket(options.resetBurst, options.resetsPerSecond, now);
    this.#mistakes = new TokenBucket(options.mistakeBurst, options.mistakesPerSecond, now);
    this.#settings = new TokenBucket(options.settingsBurst, options.settingsPerSecond, now);
    this.#control = new TokenBucket(options.controlBurst, options.controlPerSecond, now);
    this.#onNoStreams = onNoStreams;
  }

  /** So many answer bytes wait for the client that writes fail. */
  get isFull(): boolean {
    const { waitingBytes } = this.sends;
    return waitingBytes > 2 * this.options.maxWaitingBytes || !this.environment.unsent.mayKeep(waitingBytes);
  }

  /** Counts a frame that causes work but is no request. Throws ConnectionError when there were too many. */
  spendControl(what: string): void {
    if (this.#spend(this.#control)) return;
    const { wholeFrames } = this.sends;
    this.#control.earn(EARNED_PER_FRAME * (wholeFrames - this.#seenWholeFrames));
    this.#seenWholeFrames = wholeFrames;
    if (!this.#spend(this.#control)) throw enhanceYourCalm(`too many ${what}`);
  }

  /** Counts a SETTINGS frame. Throws ConnectionError when there were too many. */
  spendSettings(): void {
    if (!this.#spend(this.#settings)) throw enhanceYourCalm('too many SETTINGS frames');
  }

  /** Counts a request that ended by the client's reset. Throws ConnectionError when there were too many. */
  spendReset(): void {
    if (!this.#spend(this.#resets)) throw enhanceYourCalm('too many requests reset');
  }

  /** The clock is asked only when the tokens have run out. */
  #spend(budget: TokenBucket): boolean {
    if (budget.take()) return true;
    budget.fill(this.environment.clock.nowMs());
    return budget.take();
  }

  /** Returns bytes to the connection's window that no handler will read: padding, or the body of a closed stream. */
  discard(count: number): void {
    const increment = consumeBytes(this.window, count);
    if (increment > 0) this.writer.windowUpdate(0, increment);
  }

  /**
   * Counts bytes of a stream's body as received. A paced stream's are given back to the connection's window at once. False:
   * paced streams hold so much that this one must be reset.
   */
  received(stream: ServerStream, count: number): boolean {
    stream.receivedBytes += count;
    stream.unreadBytes += count;
    if (!stream.isPaced) return true;
    const { unread, unsent } = this.environment;
    const mayKeep = unread.mayKeep(this.#unreadBytes) && unsent.mayKeep(this.#unreadBytes);
    this.#addUnread(count);
    if (this.#lentBytes + count > this.options.loanBytes) return mayKeep;
    this.#lentBytes += count;
    stream.lentBytes += count;
    this.discard(count);
    return mayKeep;
  }

  consume(stream: ServerStream, count: number): void {
    if (stream.isPaced) this.#addUnread(-count);
    this.discard(count - this.#repay(stream, count));
    if (stream.isRequestWhole) return;
    const increment = consumeBytes(stream, count);
    if (increment > 0) this.writer.windowUpdate(stream.id, increment);
  }

  #addUnread(count: number): void {
    this.#unreadBytes += count;
    this.environment.unread.bytes += count;
    this.environment.unsent.bytes += count;
  }

  /** The part of `count` bytes read now that the connection's window has got back already. */
  #repay(stream: ServerStream, count: number): number {
    const repaid = Math.min(count, stream.lentBytes);
    stream.lentBytes -= repaid;
    this.#lentBytes -= repaid;
    return repaid;
  }

  finished(stream: ServerStream): void {
    this.#control.earn(EARNED_PER_REQUEST);
    this.#resets.earn(1);
    // Tells the client to stop sending a body that nobody will read; what is under way is dropped.
    if (!stream.isRequestWhole) this.writer.resetStream(stream.id, ErrorCode.NO_ERROR);
    this.close(stream, stream.isRequestWhole ? Closed.BY_CLIENT : Closed.BY_US, undefined);
  }

  resetByUs(stream: ServerStream, code: number): void {
    this.writer.resetStream(stream.id, code);
    this.close(stream, Closed.BY_US, code);
  }

  /** Resets a stream for the client's mistake. Throws ConnectionError when there were too many: requests earn none. */
  streamError(id: number, code: number): void {
    this.writer.resetStream(id, code);
    const stream = this.streams.get(id);
    if (stream !== undefined) this.close(stream, Closed.BY_US, code);
    else this.streams.resetAgain(id);
    if (!this.#spend(this.#mistakes)) throw enhanceYourCalm('too many malformed frames');
  }

  failed(stream: ServerStream, error: unknown): void {
    this.environment.handler.onHandlerError(error);
    if (!stream.isClosed) this.resetByUs(stream, ErrorCode.INTERNAL_ERROR);
  }

  deliverEnd(stream: ServerStream, trailers: readonly HeaderField[] | undefined): void {
    try {
      stream.sink.onEnd(trailers);
    } catch (error) {
      this.failed(stream, error);
    }
  }

  /** Every stream ends here, whatever the reason. @param how one of Closed */
  close(stream: ServerStream, how: number, code: number | undefined): void {
    stream.isClosed = true;
    this.streams.close(stream.id, how);
    this.sends.drop(stream);
    if (stream.isPaced) this.#addUnread(-stream.unreadBytes);
    const owedBytes = stream.unreadBytes - this.#repay(stream, stream.unreadBytes);
    if (owedBytes > 0 && !this.isEnded) this.discard(owedBytes);
    try {
      stream.sink.onClose(code);
    } catch (error) {
      this.environment.handler.onHandlerError(error);
    }
    if (this.streams.size === 0) this.#onNoStreams();
  }
}
