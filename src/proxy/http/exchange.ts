/**
 * One request and its answer, from head to end: opens the lifecycle, gives the body, answers once, closes the lifecycle
 * once, whatever happens in between.
 *
 *   head ──▶ begin ──▶ body ──▶ handler ──▶ reply ─┐
 *              │ draining, expired │ deadline, client left, anything thrown ──▶ fail ──▶ finish
 *
 * `reply` may compress first, which takes a while: the deadline and the client's leaving still count meanwhile.
 *
 * A client that goes cancels the request; its answer is then written nowhere. How bytes come and go is the transport's
 * matter.
 */

import type { Buffer } from 'node:buffer';
import { type CancelListener, clientLeft } from '../../core/cancel.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import { formatTraceparent, isToldToCaller } from '../../telemetry/propagation.ts';
import type { RequestContext } from '../request-context.ts';
import type { RequestLifecycle } from '../request-lifecycle.ts';
import { SERVED_BY_HEADER, servedBy } from '../served-by.ts';
import { type Coding, chooseCoding } from './accept-encoding.ts';
import { ANSWER_CODINGS, compressAnswer } from './answer-compression.ts';
import { JSON_TYPE } from './answer-head.ts';
import { errorBody, retryAfterSeconds } from './http-errors.ts';
import type { RequestFields } from './request-fields.ts';
import type { Route } from './routes.ts';
import type { Transport } from './transport.ts';

/** What the exchanges of one server share. */
export interface RestSurroundings {
  readonly lifecycle: RequestLifecycle;
  /** Bytes, as sent and inflated. */
  readonly maxBodyBytes: number;
  /** Answers from this size on are compressed for who accepts it. Infinity = none. */
  readonly compressFromBytes: number;
  /** A cause that the caller is not told. */
  readonly onInternalError: (error: unknown, context: RequestContext) => void;
}

const OK = 200;
const NO_EXTRAS: readonly string[] = [];

/** What a usual answer has not: it costs no object then. */
interface Further {
  readonly coding?: Coding;
  readonly error?: ServingError;
  readonly allow?: string | undefined;
}

/**
 * A client whose own timer fires closes its connection, and that looks like its leaving. This near the deadline it is
 * the deadline: then the lifecycle's timer, due within that time, says so.
 */
const DEADLINE_SLACK_MS = 5;

export class Exchange implements CancelListener {
  readonly context: RequestContext;
  readonly #transport: Transport;
  readonly #surroundings: RestSurroundings;
  readonly #open: Exchange[];
  /** The connection ends after this answer. */
  endsConnection = false;
  #isFinished = false;

  /**
   * `open` holds the connection's exchanges; this is in it until it has its answer. Check `isFinished` afterwards: a
   * request that came too late, or with a bad header, has its answer already.
   */
  constructor(transport: Transport, route: Route, open: Exchange[], surroundings: RestSurroundings) {
    const { lifecycle } = surroundings;
    const { timeout, priority, requestId, callerTrace } = transport.fields;
    this.#transport = transport;
    this.#open = open;
    this.#surroundings = surroundings;
    const context = lifecycle.begin({
      surface: 'rest',
      method: route.method,
      receivedAt: lifecycle.clock.nowMs(),
      timeoutMs: timeout instanceof ServingError ? undefined : timeout,
      requestId,
      priority: priority instanceof ServingError ? undefined : priority,
      peer: transport.peer,
      callerTrace,
    });
    this.context = context;
    open.push(this);
    if (context.cancel.reason !== undefined) this.fail(context.cancel.reason);
    else if (timeout instanceof ServingError) this.fail(timeout);
    else if (priority instanceof ServingError) this.fail(priority);
    else context.cancel.listener = this;
  }

  /** It has its answer, or needs none. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** The request has arrived, body and all. */
  get hasRequest(): boolean {
    return this.#transport.hasRequest;
  }

  get fields(): RequestFields {
    return this.#transport.fields;
  }

  /** The whole body: at once, and only lent for this turn, or later. Throws or rejects with ServingError. */
  readBody(): Buffer | Promise<Buffer> {
    return this.#transport.readBody(this.#surroundings.maxBodyBytes);
  }

  /** `version`: the one that the answer is of, '' if of none. */
  reply(body: Buffer, contentType = JSON_TYPE, version = this.context.version): void {
    if (this.#isFinished) return;
    if (body.length >= this.#surroundings.compressFromBytes) {
      const coding = chooseCoding(this.fields.acceptEncoding, ANSWER_CODINGS);
      if (coding !== undefined) {
        this.#compress(body, contentType, version, coding).catch((error: unknown) => this.fail(error));
        return;
      }
    }
    this.#finish(OK, contentType, body, version);
  }

  /** Replies with what `encode` makes of the value, or fails with why there is none, or with what `encode` throws. */
  replyWith<T>(value: Promise<T>, encode: (value: T) => Buffer): void {
    // Not a `.then` for each step, nor `.catch` behind it: that is a promise more for each request.
    value.then(
      (settled) => this.#replyLate(settled, encode),
      (thrown: unknown) => this.fail(thrown),
    );
  }

  onCancel(reason: ServingError): void {
    this.fail(reason);
  }

  /** Anything thrown becomes the answer that its kind has; `allow` goes with a method that is not allowed. */
  fail(thrown: unknown, allow?: string): void {
    if (this.#isFinished) return;
    const error = toServingError(thrown);
    if (error.kind === 'internal') this.#surroundings.onInternalError(error.cause ?? error, this.context);
    const body = errorBody(error.message);
    this.#finish(error.row.http, JSON_TYPE, body, this.context.version, { error, allow });
  }

  /** The connection has closed. */
  onClientGone(): void {
    const { context } = this;
    if (context.now() >= context.deadline - DEADLINE_SLACK_MS) return;
    // Whoever holds the request learns it from the signal; until the handler has it, that is this class.
    context.cancel.cancel(clientLeft(context.stages.reached));
  }

  #replyLate<T>(value: T, encode: (value: T) => Buffer): void {
    try {
      this.reply(encode(value));
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  async #compress(body: Buffer, contentType: string, version: string, coding: Coding): Promise<void> {
    const { cancel } = this.context;
    cancel.throwIfCancelled();
    cancel.listener = this;
    const compressed = await compressAnswer(body, coding);
    if (this.#isFinished) return;
    const isSmaller = compressed.length < body.length;
    if (isSmaller) this.#finish(OK, contentType, compressed, version, { coding });
    else this.#finish(OK, contentType, body, version);
  }

  #finish(status: number, contentType: string, body: Buffer, version: string, further?: Further): void {
    const { context } = this;
    this.#isFinished = true;
    this.#open.splice(this.#open.indexOf(this), 1);
    context.cancel.listener = undefined;
    context.requestBytes = this.#transport.receivedBytes;
    this.#transport.stopBody();
    try {
      if (this.#transport.isOpen) this.#write(status, contentType, body, version, further);
    } catch (thrown) {
      // Never seen; but an answer that cannot be written must not leave its request open, nor end the process.
      this.#surroundings.onInternalError(thrown, context);
      this.#transport.destroy();
    } finally {
      this.#surroundings.lifecycle.finish(context, further?.error);
    }
  }

  #write(status: number, contentType: string, body: Buffer, version: string, further: Further | undefined): void {
    const { context } = this;
    context.responseBytes = body.length;
    this.#transport.send({
      status,
      contentType,
      body,
      version,
      stages: context.stages,
      now: context.now(),
      extras: this.#extras(further),
      endsConnection: this.endsConnection,
    });
  }

  #extras(further: Further | undefined): readonly string[] {
    const { requestId } = this.#transport.fields;
    const context = this.context.trace;
    const trace = context !== undefined && isToldToCaller(context) ? context : undefined;
    const by = further?.error === undefined ? servedBy(this.context) : undefined;
    if (requestId === undefined && trace === undefined && further === undefined && by === undefined) return NO_EXTRAS;
    const extras: string[] = [];
    if (requestId !== undefined) extras.push('x-request-id', requestId);
    if (trace !== undefined) extras.push('traceparent', formatTraceparent(trace));
    if (by !== undefined) extras.push(SERVED_BY_HEADER, by);
    if (further === undefined) return extras;
    const { error, allow, coding } = further;
    if (coding !== undefined) extras.push('content-encoding', coding);
    if (allow !== undefined) extras.push('allow', allow);
    const retryAfter = error === undefined ? undefined : retryAfterSeconds(error);
    if (retryAfter !== undefined) extras.push('retry-after', retryAfter);
    return extras;
  }
}
