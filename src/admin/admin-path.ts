/** Paths of the operators' server: what each is for, who may ask it, and what it answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { factKey } from '../core/collections/facts.ts';
import type { Refusal } from './access-guard.ts';

/** The path of a page for people that a feature brings; a fact of the server. */
export const PAGE_FOR_PEOPLE = factKey<string>('the page for people');

/**
 * The clients that may ask, beside pages of this server itself (access-guard.ts). All but the first two want the
 * operators' token, if there is one.
 *
 *   anybody   orchestrators, whoever they are and whatever Host they use
 *   link      a browser that follows a link from any page; loopback Host
 *   scraper   any Host that is an address; no page of another origin
 *   reader    loopback Host; no page of another origin
 *   doer      the same, with the header of a POST: what changes something, or costs much
 */
export type Guard = 'anybody' | 'link' | 'scraper' | 'reader' | 'doer';

/** A request, with what was read of it. */
export interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The path as it was sent, without the query. */
  readonly path: string;
  /** The parts that `matches` has found; the path itself without it. */
  readonly match: readonly string[];
  readonly query: URLSearchParams;
}

/** A request of an operator that changes or costs something, or shows payloads: an entry of the audit log. */
export interface Deed {
  readonly method: string;
  readonly model?: string | undefined;
  readonly version?: string | undefined;
}

export interface AdminPath {
  /** GET answers HEAD, too. */
  readonly method: 'GET' | 'POST';
  /** The path as people know it: /models/NAME */
  readonly path: string;
  /** Its line of GET /help; absent = another path's line names it. */
  readonly says?: string;
  /** The paths that it answers. Default: `path` alone, before all that match a pattern. */
  readonly matches?: RegExp;
  /** Default: a reader may GET, a doer may POST. */
  readonly guard?: Guard;
  /** Its answers are JSON, also those that refuse: {"error": "…"}. */
  readonly isJson?: boolean;
  /** Default: it is in the audit log only where somebody was refused. */
  readonly audited?: (asked: Omit<Asked, 'response'>) => Deed;
  /**
   * Answers; resolves with a refusal, or false for a path that is not there, before an answer has begun. A ServingError
   * becomes an answer where `isJson` is set; what else it rejects with is an internal error.
   */
  answer(asked: Asked): Answered | Promise<Answered>;
  /** The server drains: what goes on and would keep a client ends. */
  drain?(): void;
  /** Ends its streams, so that the server can close. */
  close?(): void;
}

// biome-ignore lint/suspicious/noConfusingVoidType: most paths answer, and return nothing
type Answered = Refusal | false | void;

/** The model and the version that a query names. */
export function targetOf(query: URLSearchParams): Pick<Deed, 'model' | 'version'> {
  return { model: query.get('model') ?? undefined, version: query.get('version') ?? undefined };
}

/** A path for readers, whose JSON is what `read` returns. */
export function jsonPath(path: string, says: string, read: () => object): AdminPath {
  return { method: 'GET', path, says, answer: ({ response }) => sendJson(response, read()) };
}

export function sendText(response: ServerResponse, text: string, status = 200): void {
  send(response, 'text/plain', text, status);
}

export function sendJson(response: ServerResponse, value: object, status = 200): void {
  // Integers of samples are bigints.
  const text = JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? Number(each) : each));
  send(response, 'application/json', `${text}\n`, status);
}

export function send(response: ServerResponse, contentType: string, body: string | Uint8Array, status = 200): void {
  response.writeHead(status, { 'content-type': contentType });
  response.end(body);
}
