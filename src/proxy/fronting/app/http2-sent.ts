/** One request to an application that speaks HTTP/2, a stream of a session, and its answer. */
import { Buffer } from 'node:buffer';
import type { ClientHttp2Stream } from 'node:http2';
import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers';
import { ErrorCode, errorCodeName } from '../../http2/error-code.ts';
import { Flag } from '../../http2/frame-types.ts';
import type { AnswerHead, AppEvents, AppRequest, ConnectionUser, SentRequest } from '../client-and-app.ts';
import type { RawHeaders } from '../heads/hop-headers.ts';
import { nodeRequestHeaders, nodeTrailers, rawOfAnswer } from '../heads/http2-headers.ts';
import { tunnelHead, tunnelRequest } from '../http2-tunnel.ts';
import type { AppSession } from './app-session.ts';

const NO_BYTES = Buffer.alloc(0);
/** Codes of a client's reset that mean the same to the application; others are of the client's connection. */
const PASSED_CODES: ReadonlySet<number> = new Set([
  ErrorCode.CANCEL,
  ErrorCode.ENHANCE_YOUR_CALM,
  ErrorCode.INTERNAL_ERROR,
]);

export class Http2Sent implements SentRequest {
  readonly #request: AppRequest;
  readonly #events: AppEvents;
  readonly #authority: string;
  readonly #onLeft: () => void;
  #session: AppSession | undefined;
  #stream: ClientHttp2Stream | undefined;
  #trailers: RawHeaders = [];
  #wasUsed = false;
  #hasHead = false;
  /** END_STREAM has come. */
  #isWhole = false;
  #isEnded = false;
  #isBrokenOff = false;

  /** @param onLeft is called when it waits for no session any more */
  constructor(request: AppRequest, events: AppEvents, authority: string, onLeft: () => void) {
    this.#request = request;
    this.#events = events;
    this.#authority = authority;
    this.#onLeft = onLeft;
  }

  get user(): ConnectionUser {
    return this.#request.user;
  }

  get body(): Writable {
    return this.#stream!;
  }

  open(session: AppSession): void {
    const { hasBody, upgrade } = this.#request;
    this.#session = session;
    this.#wasUsed = session.isUsed;
    this.#events.onConnected();
    const isTunnel = upgrade !== undefined;
    if (isTunnel && !session.takesTunnels) {
      this.fail(Object.assign(new Error(), { code: 'it takes no CONNECT with a protocol' }));
      return;
    }
    try {
      const headers = nodeRequestHeaders(this.#request, this.#authority);
      this.#stream = session.request(isTunnel ? tunnelRequest(headers, upgrade) : headers, hasBody, isTunnel);
    } catch (thrown) {
      this.#events.onUnsendable(thrown as Error);
      return;
    }
    this.#listen(this.#stream);
    this.#events.onOpen(this);
  }

  /** There is no session for it. */
  fail(error: NodeJS.ErrnoException): void {
    if (!this.#isBrokenOff) {
      this.#events.onFailure({ error, isStale: false, isRefused: false, code: undefined });
    }
  }

  end(trailers: RawHeaders): void {
    const stream = this.#stream!;
    if (this.#isBrokenOff || stream.destroyed || stream.closed || !this.#request.hasBody) return;
    stream.once('wantTrailers', () => {
      try {
        stream.sendTrailers(nodeTrailers(trailers));
      } catch {
        // Node allows fewer characters in a header than others do, and the client chooses them.
        stream.close(ErrorCode.INTERNAL_ERROR);
      }
    });
    stream.end();
  }

  /** node ends a body that it resets, but for one that waits for trailers: so an application never sees it whole. */
  breakOff(code?: number): void {
    if (this.#isBrokenOff) return;
    this.#isBrokenOff = true;
    this.#onLeft();
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed) return;
    // The part of the answer that has come is not wanted, and would hold the stream.
    stream.resume();
    // Node 22 aborts where a stream that waits for trailers is cancelled while its session reads: OnTrailers of node_http2.cc
    // finds it destroyed.
    setImmediate(() => {
      if (stream.closed) stream.destroy();
      else stream.close(code !== undefined && PASSED_CODES.has(code) ? code : ErrorCode.CANCEL);
    });
  }

  #listen(stream: ClientHttp2Stream): void {
    const events = this.#events;
    // node ends an answer that is cut off as well, but closes its stream before that.
    const push = stream.push;
    stream.push = (chunk, encoding) => {
      if (chunk === null && !stream.closed) this.#isWhole = true;
      return push.call(stream, chunk, encoding);
    };
    // A stream that closes with NO_ERROR does not say so before it has been read to its end.
    const drain = (): void => {
      if (!this.#hasHead && stream.closed) stream.resume();
    };
    stream.on('readable', drain);
    stream.on('headers', (headers, _flags, ...rest: unknown[]) => {
      if (!this.#isBrokenOff) events.onInformation(headers[':status']!, rawOfAnswer(rest[0] as string[]));
    });
    stream.on('response', (headers, flags, ...rest: unknown[]) => {
      stream.off('readable', drain);
      if (this.#isBrokenOff) return;
      this.#hasHead = true;
      const isAll = (flags & Flag.END_STREAM) !== 0;
      const head: AnswerHead = {
        ...{ status: headers[':status']!, reason: '', httpVersion: '2', isAll },
        headers: rawOfAnswer(rest[0] as string[]),
      };
      const key = this.#request.upgrade === undefined ? undefined : this.#request;
      if (key !== undefined && head.status === 200) {
        this.#isEnded = true;
        events.onTunnel(tunnelHead(head, key), { duplex: stream, head: NO_BYTES });
      } else events.onHead(head, stream);
    });
    stream.on('trailers', (_headers, _flags, ...rest: unknown[]) => {
      this.#trailers = rawOfAnswer(rest[0] as string[]);
    });
    stream.once('end', () => {
      // node waits until all of the request is written, which may be never when the application has closed the stream.
      // One that is broken off here is left alone: its reset may not have left yet.
      if (this.#isBrokenOff) return;
      if (stream.closed) stream.destroy();
      if (!this.#hasHead || !this.#isWhole) return;
      this.#isEnded = true;
      events.onEnd(this.#trailers);
    });
    // The error is reported when the stream closes.
    stream.on('error', () => undefined);
    stream.once('close', () => this.#onClose(stream));
  }

  #onClose(stream: ClientHttp2Stream): void {
    if (this.#isBrokenOff) return;
    const session = this.#session!;
    const isReset = !session.isLost;
    const code = isReset ? stream.rstCode : undefined;
    if (!this.#hasHead) {
      const isRefused = stream.rstCode === ErrorCode.REFUSED_STREAM;
      const isStale = this.#wasUsed && !isReset;
      this.#events.onFailure({ error: failureOf(code), isStale, isRefused, code });
    } else if (!this.#isEnded) this.#events.onBroken(code);
    else if (this.#request.hasBody && !stream.writableFinished) this.#events.onUnwanted();
  }
}

/** `code`: of a reset; undefined if the connection is gone. */
function failureOf(code: number | undefined): NodeJS.ErrnoException {
  if (code === undefined) return Object.assign(new Error('closed'), { code: 'ECONNRESET' });
  return new Error(`it reset the stream with ${errorCodeName(code)}`);
}
