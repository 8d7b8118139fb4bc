/**
 * One client connection: the requests that are open on it (several, when the client pipelines), in their
 * order. Node tells only the first of them that the client has gone, and knows no request at all when its parser
 * fails; here all hear of it. Also its end, once node:http has it: with its last answer, or idle.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { clientLeft } from '../../core/cancel.ts';
import type { Clock } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import { STAGE_RECEIVE, STAGES } from '../../telemetry/stage-clock.ts';
import { AnswerTurns } from './answer-turns.ts';
import type { Ending } from './ending.ts';
import { parserErrorResponse } from './http-errors.ts';
import type { HttpWire } from './http-wire.ts';
import { endConnection } from './lingering-end.ts';

/** What the connections of one server share. */
export interface ConnectionContext {
  readonly clock: Clock;
  readonly ending: Ending;
  /** Of every answer: names and values in turn. */
  readonly commonHeaders: readonly string[];
  readonly onInternalError: (error: unknown) => void;
}

export class Connection {
  readonly open: HttpWire[] = [];
  /** Of the requests that node:http has. */
  readonly turns: AnswerTurns;
  readonly #socket: Socket;
  readonly #shared: ConnectionContext;

  constructor(socket: Socket, shared: ConnectionContext) {
    this.#socket = socket;
    this.#shared = shared;
    this.turns = new AnswerTurns(shared.ending, {
      onLast: () => {
        // node:http calls it after `connection: close`; by itself it closes at once.
        socket.destroySoon = () => endConnection(shared.clock, socket);
      },
      onIdle: () => endConnection(shared.clock, socket),
      onFault: (error) => {
        shared.onInternalError(error);
        socket.destroy();
      },
    });
    socket.once('close', () => {
      for (const wire of [...this.open]) wire.onClientGone();
    });
  }

  /**
   * What came is no HTTP, or came too slowly; nothing more can be read. A request whose body it is gets the answer.
   * After whole requests it is they that are answered first. Else the parser's own answer goes out. Then the connection
   * ends.
   */
  onParserError(error: NodeJS.ErrnoException): void {
    const socket = this.#socket;
    const last = this.open.at(-1);
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else if (last === undefined) {
      const isSecure = socket instanceof TLSSocket;
      socket.end(parserErrorResponse(error.code, isSecure, this.#shared.commonHeaders), () => socket.destroy());
    } else last.onUnreadable(brokenBody(error.code));
  }
}

function brokenBody(code: string | undefined): ServingError {
  // The client has ended its side: most often it is gone, but it may still read.
  if (code === 'HPE_INVALID_EOF_STATE') return clientLeft(STAGES[STAGE_RECEIVE]);
  return code === 'ERR_HTTP_REQUEST_TIMEOUT'
    ? new ServingError('deadline_exceeded', 'the body did not arrive in time; send it faster')
    : new ServingError(
        'invalid_request',
        'the body is not valid HTTP/1.1: its chunks are malformed; send them as the standard has it, or a content-length',
      );
}
