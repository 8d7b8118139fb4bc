/** A client over HTTP/1.1, as node:http reads it. A body that breaks off is never ended: its connection is destroyed. */
import { Buffer } from 'node:buffer';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import type { AnswerTurn } from '../http1/answer-turns.ts';
import { endConnection } from '../http1/lingering-end.ts';
import type { OpenRequest } from '../http1/open-request.ts';
import { peerOf } from '../net/listen-address.ts';
import { peerAddressOf } from '../net/peer-address.ts';
import type { AnswerHead, ClientEvents, ClientSide, RequestHead, TunnelEnd } from './client-and-app.ts';
import { answerHeaders } from './heads/app-headers.ts';
import { hintsOf } from './heads/early-hints.ts';
import { framingFault, hasBody } from './heads/framing-check.ts';
import { isGrpcType } from './heads/grpc-form.ts';
import { headFault } from './heads/head-check.ts';
import { announced, type RawHeaders, tokensOf, trailersOf, valuesOf } from './heads/hop-headers.ts';
import { flushSoon, writeRefusal } from './written.ts';

/** A request with its answer and its connection. */
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

/** Shared by the clients of one server. */
export interface Http1ClientParts {
  readonly clock: Clock;
  /** Headers of every answer of this server's own: names and values in turn. */
  readonly commonHeaders: readonly string[];
}

export class Http1Client implements ClientSide, OpenRequest {
  readonly head: RequestHead;
  readonly fault: ServingError | undefined;
  readonly body: IncomingMessage;
  readonly #arrival: Arrival;
  readonly #parts: Http1ClientParts;
  /** Kept, as a request that has ended knows its socket no more. */
  readonly #socket: Socket;
  #events: ClientEvents | undefined;
  #awaitsContinue: boolean;

  constructor(arrival: Arrival, parts: Http1ClientParts) {
    const { request, response, expectsContinue, open, upgrade } = arrival;
    this.head = headOf(request, upgrade !== undefined);
    this.fault = framingFault(request) ?? headFault(this.head);
    this.body = request;
    this.#arrival = arrival;
    this.#parts = parts;
    this.#socket = request.socket;
    this.#awaitsContinue = expectsContinue;
    open.push(this);
    // A broken message is handled when its connection closes.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
  }

  get connection(): Socket {
    return this.#socket;
  }

  get isWhole(): boolean {
    return this.body.complete;
  }

  get isAnswered(): boolean {
    return this.#arrival.response.writableFinished;
  }

  get trailers(): RawHeaders {
    return this.body.rawTrailers;
  }

  begin(events: ClientEvents): void {
    const { request, response, upgrade } = this.#arrival;
    this.#events = events;
    response.once('finish', () => {
      if (upgrade !== undefined) endConnection(this.#parts.clock, this.#socket);
      this.#tellIfOver();
    });
    request.once('end', () => this.#tellIfOver());
    if (this.#first() === this) events.onTurn();
  }

  /** It is the first of its connection now. */
  takeTurn(): void {
    this.#events?.onTurn();
  }

  onClientGone(): void {
    this.#events?.onGone();
  }

  onStalled(): void {
    this.#events?.onStalled();
  }

  onUnreadable(error: ServingError): void {
    const { request, response } = this.#arrival;
    // All of it has come: the answer to it is still wanted. What is behind it is no request.
    if (request.complete) response.once('close', () => this.#socket.destroy());
    else this.#events?.onUnreadable(error);
  }

  continue(): void {
    if (!this.#awaitsContinue) return;
    this.#awaitsContinue = false;
    this.#arrival.response.writeContinue();
  }

  /** 102 and 103. Others have no use that is known, and node has no way to write them. */
  inform(status: number, raw: RawHeaders): void {
    const { request, response, upgrade } = this.#arrival;
    if (request.httpVersion !== '1.1' || upgrade !== undefined) return;
    if (status === 102) response.writeProcessing();
    if (status !== 103) return;
    try {
      response.writeEarlyHints(hintsOf(raw));
    } catch {
      // node has its own opinion of what a link looks like. The hint is lost, which it may be.
    }
  }

  answer(head: AnswerHead, write: (body: Writable | undefined) => void): void {
    this.#arrival.turn.send((isLast) => this.#writeHead(head, isLast, write));
  }

  end(trailers: RawHeaders): void {
    const { response } = this.#arrival;
    const kept = trailersOf(trailers);
    try {
      if (kept.length > 0) response.addTrailers(kept);
    } catch {
      this.cutOff();
      return;
    }
    response.end();
  }

  refuse(error: ServingError): void {
    const { request, response, turn, upgrade } = this.#arrival;
    turn.send((isLast) => {
      if (this.#socket.destroyed) return;
      const isUnread = this.head.hasBody && !request.complete;
      const endsConnection = isLast || isUnread || upgrade !== undefined || this.fault !== undefined;
      const { isGrpc } = this.head;
      writeRefusal({ error, isGrpc, request, response, isUnread, endsConnection }, this.#parts);
    });
  }

  cutOff(): void {
    this.#socket.destroy();
  }

  dropBody(): void {
    const { request, response } = this.#arrival;
    if (request.complete) return;
    request.unpipe();
    request.resume();
    if (response.writableFinished) endConnection(this.#parts.clock, this.#socket);
    else response.once('finish', () => endConnection(this.#parts.clock, this.#socket));
  }

  tunnel(head: AnswerHead, join: (end: TunnelEnd) => void): void {
    const { response, turn, upgrade } = this.#arrival;
    turn.send(() => {
      upgrade!.onTunnel();
      response.detachSocket(this.#socket);
      this.#socket.write(switchHead(head));
      join({ duplex: this.#socket, head: upgrade!.head });
    });
  }

  release(): void {
    const { open } = this.#arrival;
    const at = open.indexOf(this);
    if (at === -1) return;
    const wasFirst = this.#first() === this;
    open.splice(at, 1);
    if (wasFirst && !this.#socket.destroyed) this.#first()?.takeTurn();
  }

  #writeHead(head: AnswerHead, isLast: boolean, write: (body: Writable | undefined) => void): void {
    const { request, response, upgrade } = this.#arrival;
    if (this.#socket.destroyed) {
      write(undefined);
      return;
    }
    const hasBody = this.head.method !== 'HEAD' && head.status !== 204 && head.status !== 304;
    const isChunked = hasBody && request.httpVersion === '1.1' && valuesOf(head.headers, 'content-length').length === 0;
    const headers = announced(answerHeaders(head.headers, head.httpVersion), isChunked);
    // A client that waits for a 100 that never comes, or sends what nobody reads, learns that the connection ends.
    const isUnread =
      !request.complete && (this.#awaitsContinue || tokensOf(head.headers, 'connection').includes('close'));
    if (isLast || isUnread || upgrade !== undefined) headers.push('connection', 'close');
    try {
      response.writeHead(head.status, head.reason, headers);
    } catch {
      // Node writes fewer characters than it reads, and the application chooses them: that ends this answer alone.
      write(undefined);
      return;
    }
    write(response);
    flushSoon(response);
  }

  /** The connection's first request for the application that has not ended. */
  #first(): Http1Client | undefined {
    return this.#arrival.open.find((other) => other instanceof Http1Client);
  }

  #tellIfOver(): void {
    const { request, response } = this.#arrival;
    if (response.writableFinished && (!this.head.hasBody || request.complete)) this.#events?.onOver();
  }
}

function headOf(request: IncomingMessage, mayUpgrade: boolean): RequestHead {
  const { method, url, rawHeaders, headers, httpVersion, socket } = request;
  return {
    method: method!,
    target: url!,
    headers: rawHeaders,
    httpVersion,
    hasBody: hasBody(request),
    peer: peerOf(socket),
    peerAddress: peerAddressOf(socket).address ?? 'unix',
    isTls: socket instanceof TLSSocket,
    isGrpc: isGrpcType(headers['content-type']),
    upgrade: mayUpgrade ? headers.upgrade : undefined,
  };
}

/** The application's 101. */
function switchHead({ status, reason, headers, httpVersion }: AnswerHead): Buffer {
  const kept = answerHeaders(headers, httpVersion);
  const lines = [`HTTP/1.1 ${status} ${reason || STATUS_CODES[status]}`];
  for (let i = 0; i < kept.length; i += 2) lines.push(`${kept[i]}: ${kept[i + 1]}`);
  lines.push('connection: upgrade', `upgrade: ${valuesOf(headers, 'upgrade')[0] ?? ''}`, '', '');
  return Buffer.from(lines.join('\r\n'), 'latin1');
}
