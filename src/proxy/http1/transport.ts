/**
 * One request's way in and out of a connection, for whoever answers it. Two kinds: NodeTransport over node:http, which
 * takes every request, and PlainTransport, which takes the usual ones at a fraction of the cost (plain-connection.ts).
 */
import type { Buffer } from 'node:buffer';
import type { Answer } from './answer-head.ts';
import type { RequestFields } from './request-fields.ts';

export interface Transport {
  readonly fields: RequestFields;
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
   * then, and only lent for this turn of the event loop; what a promise gives belongs to the caller. Call once. Throws or rejects with ServingError.
   */
  readBody(maxBytes: number): Buffer | Promise<Buffer>;
  /** The answer was decided without the body: nothing more of it is kept. */
  stopBody(): void;
  /** Writes the answer, once. */
  send(answer: Answer): void;
  /** Breaks the connection off. */
  destroy(): void;
}
