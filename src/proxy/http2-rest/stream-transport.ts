/**
 * The Transport of a stream of HTTP/2: REST over it has the rules, the limits and the answers that it has over HTTP/1.1.
 *
 *   onData, onEnd ─▶ BodyReader ─▶ exchange ─▶ send ─▶ HEADERS, DATA …, END_STREAM
 *   onClose ───────▶ the request is cancelled, unless it has its answer
 *
 * What comes is given back to the client's windows as it is read: the memory budget bounds what is kept of it. A request
 * that is answered before its body has arrived has a small rest passed over, as many clients make nothing of an answer
 * whose stream is reset at once; a larger rest is reset with NO_ERROR (RFC 9113, 8.1).
 */
import { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { httpDate, type TimerHandle } from '../../core/clock.ts';
import type { Visitor } from '../access-control.ts';
import type { ToldClient } from '../caller.ts';
import type { Answer } from '../http1/answer-head.ts';
import { type BodyOwner, BodyReader } from '../http1/body/body-reader.ts';
import { LINGER_MS, SMALL_REST_BYTES } from '../http1/lingering-end.ts';
import type { OpenRequest } from '../http1/open-request.ts';
import { type RequestFields, readFields } from '../http1/request-fields.ts';
import type { ReplyingTransport, TransportParts } from '../http1/transport.ts';
import { ErrorCode } from '../http2/error-code.ts';
import { encodeHeaders } from '../http2/hpack/hpack-encoder.ts';
import type { RequestHeaders } from '../http2/streams/request-headers.ts';
import type { Http2Stream, StreamSink } from '../http2/streams/stream.ts';
import { peerAddressOf } from '../net/peer-address.ts';
import { type HttpBody, SlicedBody } from '../sliced-body.ts';
import { distinctHeaders, nodeHeaders } from './stream-headers.ts';

const CONTINUE = encodeHeaders([[':status', '100']]);

/** Set it as the stream's sink. */
export class StreamTransport implements ReplyingTransport, StreamSink {
  readonly fields: RequestFields;
  readonly headers: IncomingHttpHeaders;
  /** The request, until it has its answer. */
  readonly open: OpenRequest[] = [];
  readonly #stream: Http2Stream;
  readonly #request: RequestHeaders;
  readonly #parts: TransportParts;
  #body: BodyReader | undefined;
  /** All bytes of the body that have come, read or passed over. */
  #arrivedBytes = 0;
  /** The answer is written, and ends when the rest of the request has come, or this fires. */
  #linger: TimerHandle | undefined;
  /** Past so many bytes of the body it does not wait. */
  #mostBytes = 0;
  /** Called when the engine takes more of the answer, or nothing ever again. */
  #onRoom: (() => void) | undefined;

  constructor(stream: Http2Stream, request: RequestHeaders, parts: TransportParts) {
    const distinct = distinctHeaders(request);
    this.headers = nodeHeaders(distinct);
    const line = { method: request.method, url: request.path, httpVersion: '2' };
    this.fields = readFields(this.headers, parts.callers, line, () => distinct);
    this.#stream = stream;
    this.#request = request;
    this.#parts = parts;
  }

  get peer(): string {
    return peerAddressOf(this.#stream.duplex).address ?? 'unix';
  }

  get client(): ToldClient | undefined {
    const { client } = this.fields;
    return client !== undefined && this.#parts.callers.trusts(this.#stream.duplex) ? client : undefined;
  }

  get unnamedCaller(): string {
    return this.#parts.callers.ofClient(this.#stream.duplex, this.client);
  }

  get visitor(): Visitor | undefined {
    return this.#parts.callers.visitorOf(this.#stream.duplex);
  }

  get isOpen(): boolean {
    return !this.#stream.isClosed;
  }

  get hasRequest(): boolean {
    return this.#stream.isRequestWhole;
  }

  get receivedBytes(): number {
    return this.#body?.receivedBytes ?? 0;
  }

  readBody(maxBytes: number, owner: BodyOwner): Promise<Buffer> {
    const reader = new BodyReader(this.headers, maxBytes, owner, this.#parts.bodies);
    this.#body = reader;
    if (reader.refusal !== undefined) throw reader.refusal;
    const isAwaited = !this.hasRequest && /(?:^|\W)100-continue(?:$|\W)/i.test(this.headers.expect ?? '');
    if (isAwaited) this.#stream.inform(CONTINUE);
    return reader.read();
  }

  stopBody(): void {
    this.#body?.stop();
  }

  send(answer: Answer): void {
    this.#write(answer.status, this.#parts.heads.list(answer), answer.body);
  }

  reply(status: number, headers: readonly string[], body?: Buffer): void {
    if (this.isOpen) this.#write(status, headers, body);
  }

  destroy(): void {
    this.stopBody();
    this.#stream.reset(ErrorCode.INTERNAL_ERROR);
  }

  // The methods below are callbacks of the stream.

  onData(chunk: Buffer): void {
    this.#arrivedBytes += chunk.length;
    this.#body?.take(chunk, true);
    this.#stream.consume(chunk.length);
    if (this.#linger !== undefined && this.#arrivedBytes > this.#mostBytes) this.#end();
  }

  onEnd(): void {
    this.#body?.end();
    if (this.#linger !== undefined) this.#end();
  }

  onWritable(): void {
    const resolve = this.#onRoom;
    this.#onRoom = undefined;
    resolve?.();
  }

  onClose(): void {
    this.#linger?.cancel();
    this.stopBody();
    for (const request of [...this.open]) request.onClientGone();
    this.onWritable();
  }

  /** `list`: names and values in turn. */
  #write(status: number, list: readonly string[], body: HttpBody | undefined): void {
    const fields: [string, string][] = [[':status', String(status)]];
    for (let i = 0; i < list.length; i += 2) fields.push([list[i]!.toLowerCase(), list[i + 1]!]);
    fields.push(['date', httpDate(this.#parts.clock)]);
    const head = encodeHeaders(fields);
    const hasNone = body === undefined || (body instanceof Buffer && body.length === 0);
    if (hasNone || this.#request.method === 'HEAD') {
      this.#stream.respond(head, true);
      return;
    }
    this.#stream.respond(head);
    if (body instanceof SlicedBody) void this.#writeSliced(body);
    else {
      this.#stream.write(body);
      this.#endSoon();
    }
  }

  /** Never rejects. An answer that does not come to its end is reset, so that it never looks whole. */
  async #writeSliced(body: SlicedBody): Promise<void> {
    const stream = this.#stream;
    const { unsent } = this.#parts;
    if (!unsent.hold(stream.duplex, body.heldBytes)) {
      stream.reset(ErrorCode.ENHANCE_YOUR_CALM);
      return;
    }
    try {
      for await (const slice of body) {
        const takesMore = stream.write(slice);
        if (!takesMore && !stream.isClosed) await this.#room();
        if (stream.isClosed) break;
      }
      this.#endSoon();
    } catch {
      stream.reset(ErrorCode.INTERNAL_ERROR);
    }
    unsent.take(stream.duplex, body.heldBytes);
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  /** The answer is written: ends it, once a small rest of the request has come. */
  #endSoon(): void {
    const { clock } = this.#parts;
    this.#mostBytes = this.#arrivedBytes + SMALL_REST_BYTES;
    if (this.hasRequest || this.#request.contentLength > this.#mostBytes) this.#end();
    else if (this.isOpen) this.#linger = clock.setTimer(clock.nowMs() + LINGER_MS, () => this.#end());
  }

  #end(): void {
    this.#linger?.cancel();
    this.#linger = undefined;
    this.#stream.end();
  }
}
