/**
 * One call on Pillion's own HTTP/2 engine, from its first header to its status.
 *
 *   stream ─ onData, onEnd ─▶ CallIntake ─▶ reader.onMessage, onEnd
 *          ─ onClose(code) ──────────────▶ reader.onAbort
 *          ◀─ respond, write, end, respondUnary ── send, answer, end
 *
 * Bytes that the reader has taken are given back to the client's window. Nothing is taken from a client stream while
 * its answers wait, so that a client that does not read is not read from.
 */
import type { Buffer } from 'node:buffer';
import { clientLeft } from '../../core/cancel.ts';
import type { Clock, Instant } from '../../core/clock.ts';
import type { DeadlineEntry, DeadlineTimer } from '../../core/deadline-timer.ts';
import { invalidRequest, ServingError, toServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { BodyPace } from '../body-pace.ts';
import { ErrorCode, errorCodeName } from '../http2/error-code.ts';
import type { Http2Stream, StreamSink } from '../http2/streams/stream.ts';
import type { MemoryBudget, MemoryHolder } from '../memory-budget.ts';
import {
  answerHead,
  answerTrailers,
  frameCompressed,
  frameMessage,
  trailersOnly,
  writeMessageHead,
} from './answer-bytes.ts';
import type { CallHead } from './call-head.ts';
import { CallIntake, type IntakeContext, type IntakeOwner } from './call-intake.ts';
import {
  type CallReader,
  type CallStatus,
  type GrpcCall,
  type GrpcMethod,
  MESSAGE_HEAD_BYTES,
  type MetadataEntries,
} from './engine.ts';
import { OK, statusOf } from './grpc-errors.ts';
import { ACCEPTED_ENCODINGS, canDecompress } from './message-compression.ts';
import { shortMessage } from './message-reader.ts';

/** Parts and limits that the calls of one engine share. */
export interface CallContext extends IntakeContext {
  readonly clock: Clock;
  readonly memory: MemoryBudget;
  /** Seconds that a message may take to arrive, as BodyPace counts them. */
  readonly bodyTimeoutS: number;
  /** Ends the calls of methods that do not enforce their deadline. */
  readonly deadlines: DeadlineTimer;
  readonly maxSendBytes: number;
  /** Unary answers of this size and above are compressed for clients that accept it. Infinity = none. */
  readonly compressFromBytes: number;
  /** A method threw where it must not, and its call has been ended. */
  readonly onInternalError: (error: unknown, path: string) => void;
}

/**
 * Some clients (Node's) end a request a moment before they reset it. An incomplete request waits this long for a reset,
 * which means that the client has left.
 */
const RESET_GRACE_MS = 10;

export class PillionCall implements GrpcCall, StreamSink, IntakeOwner, MemoryHolder {
  readonly head: CallHead;
  readonly receivedAt: Instant;
  readonly #stream: Http2Stream;
  readonly #method: GrpcMethod;
  readonly #shared: CallContext;
  /** Absent while nothing has come, and where the request was one short message. */
  #intake: CallIntake | undefined;
  #reader: CallReader | undefined;
  #headers: MetadataEntries | undefined;
  #deadline: DeadlineEntry | undefined;
  /** Sent messages wait for the client to read. */
  #isBlocked = false;
  #hasSent = false;
  #isEnded = false;
  /** The pace is watched when the request is still under way after a second. */
  #pace: BodyPace | undefined;
  /** The memory budget owns this. */
  heldBytes = 0;

  constructor(stream: Http2Stream, head: CallHead, method: GrpcMethod, shared: CallContext) {
    this.head = head;
    this.receivedAt = shared.clock.nowMs();
    this.#stream = stream;
    this.#method = method;
    this.#shared = shared;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  metadata(name: string): string | undefined {
    return this.head.metadata(name);
  }

  binaryMetadata(name: string): Uint8Array | undefined {
    return this.head.binaryMetadata(name);
  }

  setHeaders(headers: MetadataEntries): void {
    this.#headers = headers;
  }

  send(message: Uint8Array): void {
    if (this.#isEnded || this.#isTooLarge(message.byteLength)) return;
    if (!this.#hasSent) {
      this.#hasSent = true;
      this.#stream.respond(answerHead(this.#headers, false));
    }
    for (const bytes of frameMessage(message)) this.#isBlocked = !this.#stream.write(bytes);
  }

  answer(buffer: Uint8Array, status: CallStatus = OK): void {
    const length = buffer.byteLength - MESSAGE_HEAD_BYTES;
    if (this.#isEnded || this.#isTooLarge(length)) return;
    this.#settle();
    this.#intake?.recycle();
    const isCompressed = length >= this.#shared.compressFromBytes && this.head.acceptsGzip && !this.#hasSent;
    if (isCompressed) {
      this.#answerCompressed(buffer, status).catch((error: unknown) => this.#failLate(error));
      return;
    }
    writeMessageHead(buffer, length, false);
    if (!this.#hasSent) this.#stream.respondUnary(answerHead(this.#headers, false), buffer, answerTrailers(status));
    else {
      this.#stream.write(buffer);
      this.#stream.end(answerTrailers(status));
    }
  }

  end(status: CallStatus): void {
    if (this.#isEnded) return;
    this.#settle();
    this.#intake?.drop();
    if (this.#hasSent) this.#stream.end(answerTrailers(status));
    else this.#stream.respond(trailersOnly(this.#headers, status), true);
  }

  forget(): void {
    this.#intake?.forget();
    if (this.heldBytes > 0) this.#shared.memory.release(this);
  }

  refuse(status: CallStatus): void {
    this.end(status);
    this.#intake?.recycle();
  }

  // Callbacks of the stream follow.

  /** Starts the method. Called first, once the stream has this call as its sink. */
  begin(): void {
    const { badTimeout, timeoutMs } = this.head;
    try {
      this.#reader = this.#method.start(this);
    } catch (error) {
      this.#fail(error);
    }
    if (this.#isEnded) return;
    if (badTimeout !== undefined) {
      const fix = 'send 1 to 8 digits and a unit of H M S m u n, e.g. 250m';
      this.abort(invalidRequest(`grpc-timeout ${quoteName(badTimeout)} cannot be read; ${fix}`));
    } else if (timeoutMs !== undefined && !this.#method.enforcesDeadline) {
      const passed = new ServingError('deadline_exceeded', `deadline of ${timeoutMs} ms passed`);
      this.#abortAt(this.receivedAt + timeoutMs, passed);
    }
  }

  onData(chunk: Uint8Array): void {
    if (this.#isEnded) {
      this.#stream.consume(chunk.length);
      return;
    }
    this.#opened().push(chunk);
  }

  onWhole(bytes: Buffer, start: number, end: number): boolean {
    if (this.#isEnded || this.#method.isClientStream) return false;
    const message = shortMessage(bytes, start, end);
    if (message === undefined || message.length > this.#shared.maxReceiveBytes) return false;
    this.#stream.consume(end - start);
    this.deliver(message);
    return true;
  }

  onEnd(): void {
    if (!this.#isEnded) this.#opened().end();
  }

  onTick(): void {
    if (this.isHeld) return;
    const { receivedBytes, isOwed } = this.#opened();
    this.#pace ??= new BodyPace(this.#shared.bodyTimeoutS);
    const late = isOwed ? this.#pace.tick(receivedBytes) : this.#pace.restart(receivedBytes);
    if (late !== undefined) this.abort(late);
  }

  onWritable(): void {
    this.#isBlocked = false;
    if (!this.#isEnded) this.#intake?.resume();
  }

  onClose(code: number | undefined): void {
    if (this.#isEnded) return;
    const how = code === undefined || code === ErrorCode.CANCEL ? 'closed' : `reset with ${errorCodeName(code)}`;
    this.abort(
      new ServingError('cancelled', `the request was ${how} before it was answered`, {
        attributes: { stage: 'transport' },
      }),
    );
  }

  // Callbacks of the intake follow.

  get isHeld(): boolean {
    return this.#isEnded || (this.#isBlocked && this.#method.isClientStream);
  }

  deliver(message: Uint8Array | undefined): void {
    const { memory } = this.#shared;
    if (this.heldBytes > 0) {
      // A message of a stream is its own request's from here on.
      if (this.#method.isClientStream) memory.release(this);
      else memory.arrived(this);
    }
    try {
      if (message === undefined) this.#reader?.onEnd?.();
      else this.#reader?.onMessage(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  abort(error: ServingError): void {
    if (this.#isEnded) return;
    if (error.kind === 'unsupported' && !canDecompress(this.head.encoding)) {
      this.#headers = { ...this.#headers, 'grpc-accept-encoding': ACCEPTED_ENCODINGS };
    }
    // The reader may have something of its own to send, so it is asked before `end`. `isEnded` holds either way.
    try {
      this.#reader?.onAbort(error);
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.end(statusOf(error));
  }

  refuseMessage(error: ServingError, begun: Uint8Array): void {
    this.#shared.memory.release(this);
    const reader = this.#reader;
    if (this.#isEnded) return;
    if (reader?.onRefused === undefined) {
      this.abort(error);
      return;
    }
    try {
      reader.onRefused(error, begun);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  abortSoon(error: ServingError): void {
    this.#abortAt(this.#shared.clock.nowMs() + RESET_GRACE_MS, error);
  }

  consume(count: number): void {
    this.#stream.consume(count);
  }

  hold(bytes: number, announced: number): ServingError | undefined {
    return this.#isEnded ? clientLeft('transport') : this.#shared.memory.hold(this, bytes, announced);
  }

  shed(error: ServingError): void {
    if (this.#intake?.giveUpMessage(error) !== true) this.abort(error);
  }

  async #answerCompressed(buffer: Uint8Array, status: CallStatus): Promise<void> {
    const compressed = await frameCompressed(buffer);
    if (compressed === undefined) writeMessageHead(buffer, buffer.byteLength - MESSAGE_HEAD_BYTES, false);
    const head = answerHead(this.#headers, compressed !== undefined);
    this.#stream.respondUnary(head, compressed ?? buffer, answerTrailers(status));
  }

  /** Ends the call, and returns true, if the message is too large. */
  #isTooLarge(messageBytes: number): boolean {
    const { maxSendBytes } = this.#shared;
    if (messageBytes <= maxSendBytes) return false;
    const text = `the answer of ${messageBytes} bytes is larger than the ${maxSendBytes} that this server sends`;
    this.end(statusOf(new ServingError('too_large', `${text}; send fewer rows at once`)));
    return true;
  }

  #opened(): CallIntake {
    this.#intake ??= new CallIntake(this, this.head, this.#method.isClientStream, this.#shared);
    return this.#intake;
  }

  /** Replaces an earlier deadline, if any. */
  #abortAt(at: Instant, error: ServingError): void {
    const { deadlines } = this.#shared;
    if (this.#deadline !== undefined) deadlines.remove(this.#deadline);
    this.#deadline = deadlines.add(at, () => this.abort(error));
  }

  #settle(): void {
    this.#isEnded = true;
    if (this.#deadline !== undefined) this.#shared.deadlines.remove(this.#deadline);
    if (this.heldBytes > 0) this.#shared.memory.release(this);
  }

  /** A method that throws has a bug: it costs this call, not the process. */
  #fail(error: unknown): void {
    this.#shared.onInternalError(error, this.head.path);
    this.end(statusOf(toServingError(error)));
  }

  /** The method has ended the call, but its answer cannot be compressed. */
  #failLate(error: unknown): void {
    this.#shared.onInternalError(error, this.head.path);
    this.#stream.reset(ErrorCode.INTERNAL_ERROR);
  }
}
