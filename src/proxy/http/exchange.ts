/**
 * One request and its answer, from head to end: opens the lifecycle, gives the body, answers once, closes the lifecycle
 * once, whatever happens in between.
 *
 *   head ──▶ begin ──▶ body ──▶ handler ──▶ reply ─┐
 *              │ draining, expired │ deadline, client left, anything thrown ──▶ fail ──▶ finish
 *
 * A client that goes cancels the request; its answer is then written nowhere. A request that is answered before its
 * body has arrived keeps its connection if little is to come, and else ends it (lingering-end.ts).
 */

import type { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { clientLeft } from '../../core/cancel.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import { callerTrace, formatTraceparent } from '../../telemetry/propagation.ts';
import type { RequestContext } from '../request-context.ts';
import type { RequestLifecycle } from '../request-lifecycle.ts';
import { BodyReader } from './body-reader.ts';
import { clientTimeout } from './deadline-headers.ts';
import { errorBody, retryAfterSeconds } from './http-errors.ts';
import { endLingering } from './lingering-end.ts';
import type { Route } from './routes.ts';
import { serverTiming } from './server-timing.ts';

/** What the exchanges of one server share. */
export interface RestSurroundings {
  readonly lifecycle: RequestLifecycle;
  /** Bytes, as sent and inflated. */
  readonly maxBodyBytes: number;
  /** A cause that the caller is not told. */
  readonly onInternalError: (error: unknown, context: RequestContext) => void;
  /** Connections end with their current answer. */
  readonly isDraining: boolean;
}

const JSON_TYPE = 'application/json';

const OK = 200;

/** A rest of a body that is cheaper to read than a new connection to make. */
const SMALL_REST_BYTES = 64 * 1024;

/**
 * A client whose own timer fires closes its connection, and that looks like its leaving. This near the deadline it is
 * the deadline: then the lifecycle's timer, due within that time, says so.
 */
const DEADLINE_SLACK_MS = 5;

export class Exchange {
  readonly context: RequestContext;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #surroundings: RestSurroundings;
  readonly #open: Set<Exchange>;
  /** The connection ends after this answer. */
  endsConnection = false;
  #body: BodyReader | undefined;
  #isFinished = false;

  /**
   * `open` holds the connection's exchanges; this is in it until it has its answer. Check `isFinished` afterwards: a
   * request that came too late, or with a bad header, has its answer already.
   */
  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    route: Route,
    open: Set<Exchange>,
    surroundings: RestSurroundings,
  ) {
    const { lifecycle } = surroundings;
    const { headers } = request;
    this.#request = request;
    this.#response = response;
    this.#open = open;
    this.#surroundings = surroundings;
    const timeout = clientTimeout(headers);
    const context = lifecycle.begin({
      surface: 'rest',
      method: route.method,
      receivedAt: lifecycle.clock.nowMs(),
      timeoutMs: timeout instanceof ServingError ? undefined : timeout,
      requestId: requestIdOf(request),
      peer: request.socket.remoteAddress ?? 'unix',
      callerTrace: callerTrace(textOf(headers['traceparent']), textOf(headers['tracestate']), undefined),
    });
    this.context = context;
    open.add(this);
    if (context.cancel.reason !== undefined) this.fail(context.cancel.reason);
    else if (timeout instanceof ServingError) this.fail(timeout);
    else context.cancel.onCancel = (reason) => this.fail(reason);
  }

  /** It has its answer, or needs none. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** The request has arrived, body and all. */
  get hasRequest(): boolean {
    return this.#request.complete;
  }

  /**
   * The whole body; `expectsContinue`: the client waits for a word before it sends it. Rejects with ServingError. Look
   * at `isFinished` when it is there.
   */
  async readBody(expectsContinue: boolean): Promise<Buffer> {
    const reader = new BodyReader(this.#request, this.#surroundings.maxBodyBytes);
    this.#body = reader;
    if (reader.refusal !== undefined) throw reader.refusal;
    if (expectsContinue) this.#response.writeContinue();
    const body = await reader.read();
    this.context.requestBytes = reader.receivedBytes;
    return body;
  }

  reply(body: Buffer): void {
    if (!this.#isFinished) this.#finish(OK, body, undefined, undefined);
  }

  /** Anything thrown becomes the answer that its kind has; `allow` goes with a method that is not allowed. */
  fail(thrown: unknown, allow?: string): void {
    if (this.#isFinished) return;
    const error = toServingError(thrown);
    if (error.kind === 'internal') this.#surroundings.onInternalError(error.cause ?? error, this.context);
    this.#finish(error.row.http, errorBody(error.message), error, allow);
  }

  /** The connection has closed. */
  onClientGone(): void {
    const { context } = this;
    if (context.now() >= context.deadline - DEADLINE_SLACK_MS) return;
    // Whoever holds the request learns it from the signal; until the handler has it, that is this class.
    context.cancel.cancel(clientLeft(context.stages.reached));
  }

  #finish(status: number, body: Buffer, error: ServingError | undefined, allow: string | undefined): void {
    const { context } = this;
    this.#isFinished = true;
    this.#open.delete(this);
    context.cancel.onCancel = undefined;
    this.#body?.stop();
    try {
      if (!this.#request.socket.destroyed) this.#write(status, body, error, allow);
    } catch (thrown) {
      // Never seen; but an answer that cannot be written must not leave its request open, nor end the process.
      this.#surroundings.onInternalError(thrown, context);
      this.#request.socket.destroy();
    } finally {
      this.#surroundings.lifecycle.finish(context, error);
    }
  }

  #write(status: number, body: Buffer, error: ServingError | undefined, allow: string | undefined): void {
    const response = this.#response;
    const request = this.#request;
    const rest = this.#restOfBody();
    const { isDraining, lifecycle } = this.#surroundings;
    this.context.responseBytes = body.length;
    const headers = this.#headers(body, error, allow);
    if (isDraining || this.endsConnection || rest > SMALL_REST_BYTES) headers.push('connection', 'close');
    response.writeHead(status, headers);
    if (rest > SMALL_REST_BYTES) endLingering(lifecycle.clock, request, response, body);
    else {
      response.end(body);
      if (rest > 0) request.resume();
    }
  }

  #headers(body: Buffer, error: ServingError | undefined, allow: string | undefined): string[] {
    const { context } = this;
    const headers = ['content-type', JSON_TYPE, 'content-length', String(body.length)];
    headers.push('server-timing', serverTiming(context.stages, context.now()));
    const requestId = requestIdOf(this.#request);
    if (requestId !== undefined) headers.push('x-request-id', requestId);
    if (context.trace !== undefined) headers.push('traceparent', formatTraceparent(context.trace));
    if (allow !== undefined) headers.push('allow', allow);
    const retryAfter = error === undefined ? undefined : retryAfterSeconds(error);
    if (retryAfter !== undefined) headers.push('retry-after', retryAfter);
    return headers;
  }

  /** Bytes of the request that are still to come, at most. */
  #restOfBody(): number {
    const { headers } = this.#request;
    if (this.#body?.isComplete) return 0;
    if (headers['transfer-encoding'] !== undefined) return Infinity;
    return Number(headers['content-length'] ?? 0) - (this.#body?.receivedBytes ?? 0);
  }
}

function requestIdOf(request: IncomingMessage): string | undefined {
  return textOf(request.headers['x-request-id']);
}

function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.join(',');
}
