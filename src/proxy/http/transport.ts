/**
 * One request's way in and out of a connection, for whoever answers it. Two kinds: NodeTransport over node:http, which
 * takes every request, and PlainTransport, which takes the usual ones at a fraction of the cost (plain-connection.ts).
 */
import type { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';

export interface Transport {
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** The client's address, 'unix' on a socket file. */
  readonly peer: string;
  /** The connection stands: an answer may arrive. */
  readonly isOpen: boolean;
  /** The request has arrived, body and all. */
  readonly hasRequest: boolean;
  /** Bytes of the body as they arrived. */
  readonly receivedBytes: number;
  /**
   * The whole body, at most `maxBytes`, inflated; at once where it is there, as a promise costs more than it is worth
   * then. Call once. Throws or rejects with ServingError.
   */
  readBody(maxBytes: number): Buffer | Promise<Buffer>;
  /** The answer was decided without the body: nothing more of it is kept. */
  stopBody(): void;
  /**
   * Writes the answer, once. `headers` are names and values in turn, with content-length; `endsConnection`: this is the
   * connection's last answer.
   */
  send(status: number, headers: string[], body: Buffer, endsConnection: boolean): void;
  /** Breaks the connection off. */
  destroy(): void;
}
