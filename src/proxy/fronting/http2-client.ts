/**
 * A client over HTTP/2, on this server's own engine.
 *
 *   onData ──▶ body ──▶ …      its window is opened again when `body` has handed the bytes on
 *   write  ◀── answer ◀── …    waits for onWritable when the engine has enough
 *
 * The engine resets a stream whose answer ends before the request does, with NO_ERROR, as it should.
 */
import { Buffer } from 'node:buffer';
import { Duplex, Readable, Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { ServingError } from '../../core/errors.ts';
import { answerTrailers, trailersOnly } from '../grpc/answer-bytes.ts';
import { statusOf } from '../grpc/grpc-errors.ts';
import { JSON_TYPE } from '../http1/answer-head.ts';
import { errorBody } from '../http1/http-errors.ts';
import { ErrorCode } from '../http2/error-code.ts';
import type { HeaderField } from '../http2/hpack/header-field.ts';
import { encodeHeaders } from '../http2/hpack/hpack-encoder.ts';
import type { RequestHeaders } from '../http2/streams/request-headers.ts';
import type { Http2Stream, StreamSink } from '../http2/streams/stream.ts';
import { peerOf } from '../net/listen-address.ts';
import { peerAddressOf } from '../net/peer-address.ts';
import { retryAfterSeconds } from '../refusal-headers.ts';
import type { AnswerHead, ClientEvents, ClientSide, RequestHead, TunnelEnd } from './client-and-app.ts';
import { isGrpcType } from './heads/grpc-form.ts';
import { headFault, valueFault } from './heads/head-check.ts';
import type { RawHeaders } from './heads/hop-headers.ts';
import { fieldsOfAnswer, fieldsOfTrailers, rawOfRequest, tunnelAnswer } from './heads/http2-headers.ts';

/** Bytes of a body that wait for the next side, beside those in the client's window. */
const HIGH_WATER_BYTES = 64 * 1024;
const NO_BYTES = Buffer.alloc(0);

/** Codes of the application's resets that mean the same to its client; others are of its connection. */
const PASSED_CODES: ReadonlySet<number> = new Set([
  ErrorCode.CANCEL,
  ErrorCode.REFUSED_STREAM,
  ErrorCode.ENHANCE_YOUR_CALM,
  ErrorCode.INTERNAL_ERROR,
]);

export class Http2Client implements ClientSide, StreamSink {
  readonly head: RequestHead;
  readonly fault: ServingError | undefined;
  readonly body: Readable;
  readonly #stream: Http2Stream;
  readonly #answerBody: Writable;
  #events: ClientEvents | undefined;
  /** Received bytes that `body` holds back. */
  #owed = 0;
  /** Called when the engine takes more of the answer. */
  #onRoom: (() => void) | undefined;
  #answerTrailers: RawHeaders = [];
  /** The engine has all of the answer, though its client may have yet to take it. */
  #hasEnded = false;
  isWhole = false;
  /** Always false: when the answer has left, the stream has closed and onOver was called. */
  readonly isAnswered = false;
  trailers: RawHeaders = [];

  constructor(stream: Http2Stream, headers: RequestHeaders) {
    this.#stream = stream;
    this.head = headOf(stream, headers);
    this.fault = headFault(this.head) ?? valueFault(this.head.headers, 'header');
    this.body = new Readable({ highWaterMark: HIGH_WATER_BYTES, read: () => this.#giveBack() });
    this.#answerBody = new Writable({
      highWaterMark: HIGH_WATER_BYTES,
      write: (chunk: Buffer, _encoding, done) => {
        // The stream's end is told by onClose.
        if (!stream.isClosed && stream.write(chunk)) done();
        else this.#onRoom = done;
      },
      final: (done) => {
        const fields = fieldsOfTrailers(this.#answerTrailers);
        if (!this.#hasEnded) stream.end(fields.length === 0 ? undefined : encodeHeaders(fields));
        this.#hasEnded = true;
        done();
      },
    });
    this.#answerBody.on('error', () => undefined);
    // Nothing more is read then.
    this.body.once('end', () => this.#giveBack());
  }

  get connection(): Duplex {
    return this.#stream.duplex;
  }

  begin(events: ClientEvents): void {
    this.#events = events;
    events.onTurn();
  }

  continue(): void {
    this.#stream.inform(encodeHeaders([[':status', '100']]));
  }

  inform(status: number, headers: RawHeaders): void {
    this.#stream.inform(encodeHeaders(fieldsOfAnswer(status, headers, undefined)));
  }

  answer({ status, headers, httpVersion, isAll }: AnswerHead, write: (body: Writable | undefined) => void): void {
    if (this.#stream.isClosed) {
      write(undefined);
      return;
    }
    this.#hasEnded = isAll;
    this.#stream.respond(encodeHeaders(fieldsOfAnswer(status, headers, httpVersion)), isAll);
    write(this.#answerBody);
  }

  end(trailers: RawHeaders): void {
    this.#answerTrailers = trailers;
    this.#answerBody.end();
  }

  refuse(error: ServingError, code: number | undefined): void {
    const stream = this.#stream;
    if (stream.isClosed) return;
    if (code !== undefined && PASSED_CODES.has(code)) stream.reset(code);
    else if (this.head.isGrpc) stream.respond(trailersOnly(undefined, statusOf(error)), true);
    else this.#refuseInJson(error);
  }

  cutOff(error: ServingError, code: number | undefined): void {
    this.#answerBody.destroy();
    const isPassed = code !== undefined && PASSED_CODES.has(code);
    // A status that is not OK never makes an answer look whole.
    if (!isPassed && this.head.isGrpc && !this.#hasEnded) this.#stream.end(answerTrailers(statusOf(error)));
    else this.#stream.reset(isPassed ? code : ErrorCode.INTERNAL_ERROR);
  }

  dropBody(): void {
    this.body.unpipe();
    this.body.resume();
  }

  tunnel(answer: AnswerHead, join: (end: TunnelEnd) => void): void {
    if (this.#stream.isClosed) return;
    this.#stream.respond(encodeHeaders(tunnelAnswer(answer)));
    const duplex = Duplex.from({ readable: this.body, writable: this.#answerBody });
    join({ duplex, head: NO_BYTES });
  }

  release(): void {}

  // The methods below are callbacks of the stream.

  onData(chunk: Uint8Array): void {
    // The engine reads all connections into one buffer.
    const isWanted = this.body.push(Buffer.from(chunk));
    this.#owed += chunk.length;
    if (isWanted) this.#giveBack();
  }

  onEnd(trailers: readonly HeaderField[] | undefined): void {
    this.isWhole = true;
    this.trailers = (trailers ?? []).flatMap(({ name, value }) => [name, value]);
    const fault = valueFault(this.trailers, 'trailer');
    if (fault === undefined) this.body.push(null);
    else this.#events?.onUnreadable(fault);
  }

  onWritable(): void {
    const done = this.#onRoom;
    this.#onRoom = undefined;
    done?.();
  }

  onStalled(): void {
    this.#events?.onStalled();
  }

  onClose(code: number | undefined): void {
    if (code === undefined) this.#events?.onOver();
    else {
      this.#events?.onGone(code);
      this.#answerBody.destroy();
    }
    if (!this.isWhole) this.body.destroy();
  }

  #giveBack(): void {
    const count = this.#owed;
    this.#owed = 0;
    this.#stream.consume(count);
  }

  #refuseInJson(error: ServingError): void {
    const body = errorBody(error.message);
    const { retryAfterMs } = error;
    const isHead = this.head.method === 'HEAD';
    const fields: [string, string][] = [
      [':status', String(error.row.http)],
      ['content-type', JSON_TYPE],
      ['content-length', String(body.length)],
    ];
    if (retryAfterMs !== undefined) fields.push(['retry-after', retryAfterSeconds(retryAfterMs)]);
    this.#stream.respond(encodeHeaders(fields), isHead);
    if (isHead) return;
    this.#stream.write(body);
    this.#stream.end();
  }
}

function headOf(stream: Http2Stream, headers: RequestHeaders): RequestHead {
  const { duplex } = stream;
  return {
    method: headers.method,
    target: headers.path,
    headers: rawOfRequest(headers),
    httpVersion: '2',
    hasBody: !stream.isRequestWhole,
    peer: peerOf(duplex),
    peerAddress: peerAddressOf(duplex).address ?? 'unix',
    isTls: duplex instanceof TLSSocket,
    isGrpc: isGrpcType(headers.get('content-type')),
    upgrade: headers.protocol,
  };
}
