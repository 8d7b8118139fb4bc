/**
 * Reads one request from a connection and writes its answer. NodeTransport, over node:http, takes every request;
 * PlainTransport takes the usual ones at a fraction of the cost (plain-connection.ts); StreamTransport takes those over
 * HTTP/2 (proxy/http2-rest/).
 */
import type { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../../core/clock.ts';
import type { ClientFacts } from '../../ledger/request-record.ts';
import type { Visitor } from '../access-control.ts';
import type { Callers } from '../caller.ts';
import type { Answer, AnswerHeads } from './answer-head.ts';
import type { BodyContext, BodyOwner } from './body/body-reader.ts';
import type { RequestFields } from './request-fields.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

/** Shared by the transports of one server. */
export interface TransportParts {
  readonly clock: Clock;
  readonly heads: AnswerHeads;
  readonly callers: Callers;
  readonly bodies: BodyContext;
  readonly unsent: UnsentAnswers;
}

export interface Transport {
  readonly fields: RequestFields;
  /** The client's address; 'unix' on a socket file. */
  readonly peer: string;
  /** Undefined: the peer is no trusted proxy, or tells none. */
  readonly client: ClientFacts | undefined;
  /** The caller of a request that names none itself, as in proxy/caller.ts. */
  readonly unnamedCaller: string;
  /** Undefined without access control. */
  readonly visitor: Visitor | undefined;
  /** The connection is open. */
  readonly isOpen: boolean;
  /** The whole request has arrived. */
  readonly hasRequest: boolean;
  /** Bytes of the body received, not decompressed. */
  readonly receivedBytes: number;
  /**
   * The whole body, decompressed, at most `maxBytes`. A Buffer, returned when the body has already arrived, is valid
   * for this turn of the event loop only; the Buffer of a promise belongs to the caller. Call once. Throws or rejects
   * with ServingError. A body that has yet to arrive is charged to `owner`.
   */
  readBody(maxBytes: number, owner: BodyOwner): Buffer | Promise<Buffer>;
  /** Keeps nothing more of the body: the request is answered without it. */
  stopBody(): void;
  /** Nobody reads the body any more: its memory is used again. Absent: the garbage collector has it. */
  recycleBody?(): void;
  /** Writes the answer. Call once. */
  send(answer: Answer): void;
  /** Closes the connection at once. */
  destroy(): void;
}

/** A request that may be answered outside of the request lifecycle (local-replies.ts). */
export interface Replier {
  /** Their names are in lower case, and repeated ones are joined, as in node:http. */
  readonly headers: IncomingHttpHeaders;
  /** Writes such an answer, in its turn. `headers`: names and values in turn. Call once. */
  reply(status: number, headers: readonly string[], body?: Buffer): void;
}

export interface ReplyingTransport extends Transport, Replier {}
