/**
 * One client connection and its open requests, in order (several if the client pipelines). Node reports a lost client
 * to the first of them only, and a parser error to none: this class reports both to all that are concerned. It also
 * ends the connection: with its last answer, once node:http reads it, or while it is idle.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { clientLeft } from '../../core/cancel.ts';
import type { Clock, Instant } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import { STAGE_RECEIVE, STAGES } from '../../ledger/stage-clock.ts';
import type { GatedConnection } from '../net/connection-gate.ts';
import { GatedHttpConnection } from '../net/gated-http-connection.ts';
import { type AnswerTurn, AnswerTurns } from './answer-turns.ts';
import type { Ending } from './ending.ts';
import type { FeedTurns } from './feed-turns.ts';
import { lateBody, parserErrorResponse } from './http-errors.ts';
import { endConnection } from './lingering-end.ts';
import type { OpenRequest } from './open-request.ts';
import { RequestFeed } from './request-feed.ts';

/** Shared by the connections of one server. */
export interface ConnectionContext {
  readonly clock: Clock;
  readonly ending: Ending;
  readonly feedTurns: FeedTurns;
  /** Headers of every answer: names and values in turn. */
  readonly commonHeaders: readonly string[];
  readonly onInternalError: (error: unknown) => void;
}

export class Connection implements GatedConnection {
  readonly open: OpenRequest[] = [];
  /** Orders the answers to the requests that node:http reads. */
  readonly turns: AnswerTurns;
  /** Has the connection until node:http reads it; and later, if it becomes a tunnel. */
  plain: GatedConnection | undefined;
  /** The bytes behind the latest request are no request. */
  endsWithLatest = false;
  readonly #byNode: GatedHttpConnection;
  /** Undefined until node:http reads the connection. */
  #feed: RequestFeed | undefined;
  #isUnreadable = false;
  readonly #socket: Socket;
  readonly #shared: ConnectionContext;

  constructor(socket: Socket, shared: ConnectionContext) {
    this.#socket = socket;
    this.#shared = shared;
    this.turns = new AnswerTurns(shared.ending, {
      onLast: () => {
        // node:http calls destroySoon after `connection: close`; its own closes at once.
        socket.destroySoon = () => endConnection(shared.clock, socket);
      },
      hasAhead: () => this.#feed?.hasAhead === true,
      onIdle: () => endConnection(shared.clock, socket),
      onFault: (error) => {
        shared.onInternalError(error);
        socket.destroy();
      },
    });
    this.#byNode = new GatedHttpConnection(socket, shared.clock, () => this.turns.endIdle());
    socket.once('close', () => {
      this.endFeed();
      for (const wire of [...this.open]) wire.onClientGone();
    });
  }

  /** node:http has just taken the socket over. May be called again, behind `endFeed`. */
  beginFeed(): void {
    this.#feed = RequestFeed.begin(this.#socket, this.#byNode, this.#shared.feedTurns);
    this.#byNode.onAnswered = () => this.#feed?.onAnswered();
  }

  /** Another than node:http reads the socket. */
  endFeed(): void {
    this.#feed?.stop();
    this.#feed = undefined;
  }

  /** node:http has read a request's head. */
  begin(response: ServerResponse): AnswerTurn {
    this.#byNode.begin(response);
    return this.turns.begin(response);
  }

  /**
   * Serves none of the bytes behind the latest request, because another server may read them otherwise. The request's
   * answer must have `connection: close`.
   */
  endWithLatest(): void {
    const socket = this.#socket;
    this.endsWithLatest = true;
    // The connection ends as it does with the last answer of a drain.
    socket.destroySoon = () => endConnection(this.#shared.clock, socket);
  }

  /** Another protocol is spoken on it from now on, until it closes. */
  becomeTunnel(): void {
    this.plain = TUNNEL;
  }

  get restingSince(): Instant | undefined {
    return (this.plain ?? this.#byNode).restingSince;
  }

  get isIdle(): boolean {
    return (this.plain ?? this.#byNode).isIdle && this.#feed?.hasAhead !== true;
  }

  /** The client has neither sent anything nor taken anything of its answers for a while. */
  onStall(): void {
    const socket = this.#socket;
    const isStreamed = this.open.length > 0 && socket.writableLength === 0;
    if (this.isIdle) this.endIdle();
    else if (!this.turns.areOpen && !isStreamed) {
      for (const wire of [...this.open]) wire.onStalled?.();
      socket.destroy();
    }
    // A request is still computed or received, or its answer streamed. Asks again: its answer may then wait behind one
    // that is not taken.
    else socket.setTimeout(socket.timeout ?? 0);
  }

  /** Called during a drain, too, when a request may be open: then nothing happens. */
  endIdle(): void {
    (this.plain ?? this.#byNode).endIdle();
  }

  /** The client has closed its side within the body of a plain request: it has most likely left, but may still read. */
  onCutOff(): void {
    this.open.at(-1)?.onUnreadable(clientLeft(STAGES[STAGE_RECEIVE]));
  }

  /**
   * The bytes are not HTTP, or came too slowly: nothing more can be read. An incomplete request is answered with the
   * error, and complete ones with their answers. If no request is open, an answer without a request is sent. Then the
   * connection ends. Node reports the same error again for all that still comes in.
   */
  onParserError(error: NodeJS.ErrnoException): void {
    const socket = this.#socket;
    const last = this.open.at(-1);
    const isFirst = !this.#isUnreadable;
    this.#isUnreadable = true;
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else if (!isFirst) return;
    else if (last === undefined && this.#byNode.restingSince === undefined) {
      // The request has its answer, which is still leaving, or is none of the exchanges (the metrics).
      this.#byNode.onRest(() => endConnection(this.#shared.clock, socket));
    } else if (last === undefined) {
      const isSecure = socket instanceof TLSSocket;
      socket.write(parserErrorResponse(error.code, isSecure, this.#shared.commonHeaders));
      // The rest of it may still be under way.
      endConnection(this.#shared.clock, socket);
    } else last.onUnreadable(brokenBody(error.code));
  }
}

/** A tunnel is never idle: nobody here knows what is said on it. */
const TUNNEL: GatedConnection = { restingSince: undefined, isIdle: false, endIdle: () => undefined };

function brokenBody(code: string | undefined): ServingError {
  // It has most likely left, as in onCutOff.
  if (code === 'HPE_INVALID_EOF_STATE') return clientLeft(STAGES[STAGE_RECEIVE]);
  return code === 'ERR_HTTP_REQUEST_TIMEOUT'
    ? lateBody()
    : new ServingError(
        'invalid_request',
        'the body is not valid HTTP/1.1: its chunks are malformed; send them as the standard has it, or a content-length',
      );
}
