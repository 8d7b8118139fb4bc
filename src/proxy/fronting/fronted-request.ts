/**
 * One request to the application, and its answer: both are passed on as they come, neither is gathered.
 *
 *   client ──▶ request ──pipe──▶ upstream ──▶ application
 *   client ◀── response ◀─pipe── answer   ◀──
 *
 *   sent ──▶ answered: head, body, trailers ──▶ over, once both bodies are through
 *    ├── 1xx: passed on, any number
 *    ├── 101 ──▶ a tunnel (tunnel.ts)
 *    ├── the application fails, or the deadline passes ──▶ 502, 503, 504; once an answer has begun it is cut off
 *    └── the client leaves ──▶ the request to the application is broken off
 *
 * A pipe stops reading while the other side takes nothing, so what is held is what streams and sockets buffer. Broken
 * off means that a body never looks complete: its sender's connection is destroyed before an end is written.
 */
import type { Buffer } from 'node:buffer';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock, Instant, TimerHandle } from '../../core/clock.ts';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import type { AnswerTurn } from '../http1/answer-turns.ts';
import { clientTimeout } from '../http1/deadline-headers.ts';
import { endConnection } from '../http1/lingering-end.ts';
import type { OpenRequest } from '../http1/open-request.ts';
import { answerTimeout, appFailure, connectTimeout } from './app-errors.ts';
import { answerHeaders } from './app-headers.ts';
import { framingFault, hasBody } from './framing-check.ts';
import { fieldsOf, tokensOf, trailersOf, valuesOf } from './hop-headers.ts';
import { type HeaderParts, sentHeaders, targetOf } from './sent-request.ts';
import { joinTunnel } from './tunnel.ts';
import { flushSoon, writeRefusal } from './written.ts';

/** A listener beside this server takes a connection at once, or has too many waiting. */
const CONNECT_MS = 5000;

/** Methods that may be sent twice (RFC 9110, 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Shared by the requests of one server. */
export interface FrontedParts extends HeaderParts {
  readonly clock: Clock;
  /** Headers of every answer of this server's own: names and values in turn. */
  readonly commonHeaders: readonly string[];
  readonly connectMs?: number;
}

/** What a request came with. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly turn: AnswerTurn;
  /** The connection's requests that have no answer yet. */
  readonly open: OpenRequest[];
  readonly expectsContinue: boolean;
  /** Set if it asks for another protocol: then its socket is this request's alone. */
  readonly upgrade?: { readonly head: Buffer; readonly onTunnel: () => void };
}

export class FrontedRequest implements OpenRequest {
  readonly #arrival: Arrival;
  readonly #parts: FrontedParts;
  readonly #receivedAt: Instant;
  readonly #timeoutMs: number | undefined;
  readonly #hasBody: boolean;
  /** Kept, as a request that has ended knows its socket no more. */
  readonly #socket: Socket;
  #deadline: TimerHandle | undefined;
  #connecting: TimerHandle | undefined;
  #upstream: ClientRequest | undefined;
  #hasAnswer = false;
  #awaitsContinue: boolean;
  #isRetried = false;
  #isOver = false;

  constructor(arrival: Arrival, parts: FrontedParts) {
    const { request, response, expectsContinue, open } = arrival;
    const timeout = clientTimeout(request.headers);
    this.#arrival = arrival;
    this.#parts = parts;
    this.#receivedAt = parts.clock.nowMs();
    // One that cannot be read is the application's to refuse.
    this.#timeoutMs = typeof timeout === 'number' ? timeout : undefined;
    this.#hasBody = hasBody(request);
    this.#socket = request.socket;
    this.#awaitsContinue = expectsContinue;
    open.push(this);
    // What there is to do about a broken message is done when its connection closes.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    response.once('finish', () => this.#endIfComplete());
  }

  /** Call once. */
  start(): void {
    const { clock, app } = this.#parts;
    const fault = framingFault(this.#arrival.request);
    const timeoutMs = this.#timeoutMs;
    if (fault !== undefined) this.#refuse(fault);
    else if (timeoutMs === undefined) this.#send();
    else if (timeoutMs < 1) this.#refuse(answerTimeout(app.address.text, timeoutMs));
    else {
      const expire = (): void => this.#refuse(answerTimeout(app.address.text, timeoutMs));
      this.#deadline = clock.setTimer(this.#receivedAt + timeoutMs, expire);
      this.#send();
    }
  }

  onClientGone(): void {
    this.#end();
    this.#upstream?.destroy();
  }

  onUnreadable(error: ServingError): void {
    const { request, response } = this.#arrival;
    // All of it has come: the answer to it is still wanted. What is behind it is no request.
    if (request.complete) response.once('close', () => this.#socket.destroy());
    else this.#refuse(error);
  }

  #send(): void {
    const { request, upgrade } = this.#arrival;
    const { app } = this.#parts;
    try {
      const upstream = app.send({
        method: request.method!,
        path: targetOf(request.url!).path,
        headers: sentHeaders(request, this.#parts, {
          hasBody: this.#hasBody,
          upgrade: upgrade && request.headers.upgrade,
          leftMs: this.#leftMs(),
        }),
        isUpgrade: upgrade !== undefined,
      });
      this.#upstream = upstream;
      this.#listen(upstream);
      this.#sendBody(upstream);
    } catch (thrown) {
      this.#refuse(invalidRequest(`the request cannot be sent on: ${(thrown as Error).message}`));
    }
  }

  #leftMs(): number | undefined {
    if (this.#timeoutMs === undefined) return undefined;
    return Math.max(0, Math.floor(this.#receivedAt + this.#timeoutMs - this.#parts.clock.nowMs()));
  }

  #listen(upstream: ClientRequest): void {
    const { clock, app, connectMs = CONNECT_MS } = this.#parts;
    upstream.once('socket', (socket) => {
      if (!socket.connecting || this.#isOver) return;
      const late = (): void => this.#refuse(connectTimeout(app.address.text, connectMs));
      this.#connecting = clock.setTimer(clock.nowMs() + connectMs, late);
      socket.once('connect', () => this.#connecting?.cancel());
    });
    upstream.on('continue', () => this.#continue());
    upstream.on('information', ({ statusCode, rawHeaders }) => this.#inform(statusCode, rawHeaders));
    upstream.on('response', (answer) => this.#onAnswer(answer));
    upstream.on('error', (error) => this.#onFailure(upstream, error));
    if (this.#arrival.upgrade !== undefined) {
      upstream.on('upgrade', (answer, socket, head) => this.#onUpgrade(answer, socket as Socket, head));
    }
  }

  #sendBody(upstream: ClientRequest): void {
    const { request } = this.#arrival;
    if (!this.#hasBody) {
      upstream.end();
      return;
    }
    request.pipe(upstream, { end: false });
    request.once('end', () => {
      // A request that was broken off must not look complete.
      if (upstream.destroyed || !request.complete) return;
      const trailers = trailersOf(request.rawTrailers);
      if (trailers.length > 0) upstream.addTrailers(trailers);
      upstream.end();
      this.#endIfComplete();
    });
    flushSoon(upstream);
  }

  #continue(): void {
    if (!this.#awaitsContinue || this.#hasAnswer) return;
    this.#awaitsContinue = false;
    this.#arrival.response.writeContinue();
  }

  /** 102 and 103. Others have no use that is known, and node has no way to write them. */
  #inform(status: number, raw: readonly string[]): void {
    const { request, response, upgrade } = this.#arrival;
    if (this.#hasAnswer || request.httpVersion !== '1.1' || upgrade !== undefined) return;
    if (status === 102) response.writeProcessing();
    if (status !== 103) return;
    const hints: Record<string, string[]> = {};
    for (const [name] of fieldsOf(raw)) hints[name] = valuesOf(raw, name);
    try {
      response.writeEarlyHints(hints);
    } catch {
      // node has its own opinion of what a link looks like. The hint is lost, which it may be.
    }
  }

  #onAnswer(answer: IncomingMessage): void {
    this.#deadline?.cancel();
    answer.on('error', () => this.#socket.destroy());
    if (this.#isOver || this.#hasAnswer) answer.destroy();
    else {
      this.#hasAnswer = true;
      this.#arrival.turn.send((isLast) => this.#writeAnswer(answer, isLast));
    }
  }

  #writeAnswer(answer: IncomingMessage, isLast: boolean): void {
    const { request, response } = this.#arrival;
    if (this.#socket.destroyed || answer.destroyed) {
      answer.destroy();
      this.#socket.destroy();
      return;
    }
    const headers = answerHeaders(answer.rawHeaders, answer.httpVersion);
    // Who waits for a 100 that never comes, or sends what nobody reads, is told that the connection ends.
    const isUnread =
      !request.complete && (this.#awaitsContinue || tokensOf(answer.rawHeaders, 'connection').includes('close'));
    if (isLast || isUnread || this.#arrival.upgrade !== undefined) headers.push('connection', 'close');
    response.writeHead(answer.statusCode!, answer.statusMessage, headers);
    answer.pipe(response, { end: false });
    answer.once('end', () => {
      const trailers = trailersOf(answer.rawTrailers);
      if (trailers.length > 0) response.addTrailers(trailers);
      response.end();
    });
    flushSoon(response);
  }

  #onUpgrade(answer: IncomingMessage, socket: Socket, head: Buffer): void {
    const { response, turn, upgrade } = this.#arrival;
    this.#deadline?.cancel();
    if (this.#isOver || this.#socket.destroyed) {
      socket.destroy();
      return;
    }
    this.#hasAnswer = true;
    turn.send(() => {
      this.#end();
      upgrade!.onTunnel();
      response.detachSocket(this.#socket);
      joinTunnel({ client: this.#socket, clientHead: upgrade!.head, app: socket, appHead: head, answer });
    });
  }

  /** The connection to the application has failed. A failure within an answer's body is the answer's own. */
  #onFailure(upstream: ClientRequest, error: Error): void {
    if (this.#isOver || upstream !== this.#upstream) return;
    if (this.#hasAnswer) this.#onUnwanted();
    else if (this.#mayRetry(upstream, error)) {
      this.#isRetried = true;
      this.#send();
    } else this.#refuse(appFailure(this.#parts.app.address.text, error));
  }

  /** The application has closed a kept connection just when the request was sent: it has not read it. */
  #mayRetry(upstream: ClientRequest, { code }: NodeJS.ErrnoException): boolean {
    const isStale = upstream.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE');
    return isStale && !this.#isRetried && !this.#hasBody && IDEMPOTENT.has(this.#arrival.request.method!);
  }

  /** The application has answered and does not take the rest of the body. */
  #onUnwanted(): void {
    const { request, response } = this.#arrival;
    if (request.complete) return;
    request.unpipe();
    request.resume();
    if (response.writableFinished) endConnection(this.#parts.clock, this.#socket);
    else response.once('finish', () => endConnection(this.#parts.clock, this.#socket));
  }

  /** Answers for the application; an answer that has begun is cut off. */
  #refuse(error: ServingError): void {
    if (this.#isOver) return;
    const { request, response, turn, upgrade } = this.#arrival;
    const hadAnswer = this.#hasAnswer;
    this.#hasAnswer = true;
    this.#end();
    request.unpipe();
    this.#upstream?.destroy();
    if (hadAnswer) {
      this.#socket.destroy();
      return;
    }
    turn.send((isLast) => {
      if (this.#socket.destroyed) return;
      const isUnread = this.#hasBody && !request.complete;
      const endsConnection = isLast || isUnread || upgrade !== undefined;
      writeRefusal({ error, request, response, isUnread, endsConnection }, this.#parts);
    });
    if (upgrade !== undefined) response.once('finish', () => endConnection(this.#parts.clock, this.#socket));
  }

  #endIfComplete(): void {
    const { request, response, upgrade } = this.#arrival;
    if (this.#isOver || !response.writableFinished) return;
    if (upgrade !== undefined) endConnection(this.#parts.clock, this.#socket);
    else if (this.#hasBody && !request.complete) return;
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline?.cancel();
    this.#connecting?.cancel();
    const { open } = this.#arrival;
    open.splice(open.indexOf(this), 1);
  }
}
