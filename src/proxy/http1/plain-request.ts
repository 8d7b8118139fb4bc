/**
 * Reads the heads of the HTTP/1.1 requests that inference clients send all day, and no others: a POST whose head came in
 * one read, with a Content-Length and headers of which none changes how the message is read. A GET is taken, too, where
 * its route says so: if it is refused.
 *
 *   POST /v1/models/m:predict HTTP/1.1 CRLF  name: value CRLF …  CRLF  body
 *
 * It is a strict subset of RFC 9112 on purpose. Whatever is not plainly in it is `undefined` here and goes to node's own
 * parser, with all its bytes: what is doubtful has one judge. Heads are remembered by their text, because a client
 * repeats its own: a known head costs one look-up, and its route is known with it (docs/adr/0024).
 */
import { Buffer } from 'node:buffer';
import { Callers } from '../caller.ts';
import { type RequestFields, readFields } from './request-fields.ts';

/** `R` is a route: whatever the reader's `routeOf` gives. */
export interface PlainHead<R> {
  /** A copy of the head, up to the body. */
  readonly bytes: Buffer;
  readonly route: R;
  readonly fields: RequestFields;
  readonly contentLength: number;
}

/** Longer heads are rare, and would make the memory of them large: 256 heads of 2 KiB at most, each as text and bytes. */
const MAX_HEAD_BYTES = 2048;
const MAX_REMEMBERED = 256;

const END_OF_HEAD = '\r\n\r\n';
const REQUEST_LINE = /^(POST|GET) (\/[!-~]*) HTTP\/1\.1$/;
/**
 * Printable ASCII alone; RFC 9110's tokens for names. Its tabs around values are left to node's parser, which refuses
 * them after a Content-Length.
 */
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): *(?:([!-~](?:[ -~]*[!-~])?) *)?$/;
const LENGTH = /^(?:0|[1-9]\d{0,9})$/;

/** Headers that change how a message is read, or ask for more than an answer. */
const NOT_PLAIN = ['transfer-encoding', 'content-encoding', 'expect', 'upgrade', 'trailer', 'te', 'keep-alive'];

type RouteFinder<R> = (method: string, target: string) => R | undefined;

export class PlainRequestReader<R> {
  readonly #heads = new Map<string, PlainHead<R>>();
  /** The head of the request before, from whichever connection: most requests have the same. */
  #last: PlainHead<R> | undefined;
  readonly #routeOf: RouteFinder<R>;
  readonly #callers: Callers;

  /**
   * @param routeOf the route of a method and a target, always the same; undefined if node is to have the request
   * @param callers which headers name the caller
   */
  constructor(routeOf: RouteFinder<R>, callers = new Callers()) {
    this.#callers = callers;
    this.#routeOf = routeOf;
  }

  /** The number of heads that are remembered. */
  get size(): number {
    return this.#heads.size;
  }

  /** The head of the request that `bytes` begin with; undefined if it is not plain. Its body need not be in them. */
  read(bytes: Buffer): PlainHead<R> | undefined {
    const last = this.#last;
    if (last !== undefined && startsWith(bytes, last.bytes)) return last;
    const headEnd = bytes.indexOf(END_OF_HEAD, 0, 'latin1');
    if (headEnd === -1 || headEnd > MAX_HEAD_BYTES) return undefined;
    const text = bytes.toString('latin1', 0, headEnd);
    this.#last = this.#heads.get(text) ?? this.#readNew(text);
    return this.#last;
  }

  #readNew(text: string): PlainHead<R> | undefined {
    const parsed = parseHead(text, this.#callers);
    const route = parsed && this.#routeOf(parsed.method, parsed.target);
    if (parsed === undefined || route === undefined) return undefined;
    const { fields, contentLength } = parsed;
    const head = { bytes: Buffer.from(text + END_OF_HEAD, 'latin1'), route, fields, contentLength };
    if (this.#heads.size === MAX_REMEMBERED) this.#heads.clear();
    this.#heads.set(text, head);
    return head;
  }
}

function startsWith(bytes: Buffer, head: Buffer): boolean {
  return bytes.length >= head.length && head.compare(bytes, 0, head.length) === 0;
}

interface ParsedHead extends Omit<PlainHead<never>, 'bytes' | 'route'> {
  readonly method: string;
  readonly target: string;
}

function parseHead(text: string, callers: Callers): ParsedHead | undefined {
  const [requestLine, ...lines] = text.split('\r\n');
  const [, method, target] = REQUEST_LINE.exec(requestLine!) ?? [];
  if (method === undefined || target === undefined) return undefined;
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const line of lines) {
    const match = HEADER_LINE.exec(line);
    if (match === null) return undefined;
    const name = match[1]!.toLowerCase();
    // Twice may mean a list, or two opinions of the message's length: node's parser knows which.
    if (name in headers) return undefined;
    headers[name] = match[2] ?? '';
  }
  const length = method === 'GET' && !('content-length' in headers) ? '0' : headers['content-length'];
  if (length === undefined || !LENGTH.test(length)) return undefined;
  if (!('host' in headers)) return undefined;
  const connection = headers['connection'];
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined;
  if (NOT_PLAIN.some((name) => name in headers)) return undefined;
  const line = { method, url: target, httpVersion: '1.1' };
  return { method, target, fields: readFields(headers, callers, line), contentLength: Number(length) };
}
