/**
 * One client connection: the exchanges that are open on it (several, when the client pipelines), in the order of their
 * requests. Node tells only the first of them that the client has gone, and knows no request at all when its parser
 * fails; here all hear of it.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { clientLeft } from '../../core/cancel.ts';
import { ServingError } from '../../core/errors.ts';
import { STAGE_RECEIVE, STAGES } from '../../telemetry/stage-clock.ts';
import type { Exchange } from './exchange.ts';
import { parserErrorResponse } from './http-errors.ts';

export class Connection {
  readonly open: Exchange[] = [];
  readonly #socket: Socket;
  readonly #commonHeaders: readonly string[];

  /** `commonHeaders` of every answer: names and values in turn. */
  constructor(socket: Socket, commonHeaders: readonly string[]) {
    this.#socket = socket;
    this.#commonHeaders = commonHeaders;
    socket.once('close', () => {
      for (const exchange of [...this.open]) exchange.onClientGone();
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
      socket.end(parserErrorResponse(error.code, isSecure, this.#commonHeaders), () => socket.destroy());
    } else {
      last.endsConnection = true;
      if (!last.hasRequest) last.fail(brokenBody(error.code));
    }
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
