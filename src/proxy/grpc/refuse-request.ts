/**
 * Answers requests that are no gRPC calls, by HTTP's rules and with a line of text for people: a browser, curl, a
 * scanner. The answer waits until the request is whole, because many HTTP clients make nothing of an earlier one; but
 * not for a long body, nor for long.
 */
import { Buffer } from 'node:buffer';
import type { Clock, TimerHandle } from '../../core/clock.ts';
import { encodeHeaders, type HeaderBlock } from '../http2/hpack/hpack-encoder.ts';
import type { RequestHeaders } from '../http2/streams/request-headers.ts';
import type { Http2Stream, StreamSink } from '../http2/streams/stream.ts';

/** The answer to a request that is no call. */
export interface HttpRefusal {
  readonly head: HeaderBlock;
  readonly body: Buffer;
}

const MAX_BODY_BYTES = 64 * 1024;
const MAX_WAIT_MS = 10_000;

export const NOT_POST = refusal(
  '405',
  ['allow', 'POST'],
  'This port speaks gRPC, whose requests are POST. REST is on --rest_api_port, and here with --rest_on_grpc_port.\n',
);
export const NOT_GRPC = refusal(
  '415',
  ['accept-post', 'application/grpc'],
  'This port speaks gRPC, whose content-type is application/grpc. REST is on --rest_api_port, and here with --rest_on_grpc_port.\n',
);
export const NO_TUNNEL = refusal(
  '405',
  ['allow', 'GET, HEAD, POST, OPTIONS'],
  'This server is no proxy, and takes no CONNECT.\n',
);

function refusal(status: string, why: readonly [string, string], text: string): HttpRefusal {
  const length = ['content-length', String(text.length)] as const;
  const head = encodeHeaders([[':status', status], why, ['content-type', 'text/plain'], length]);
  return { head, body: Buffer.from(text) };
}

/** Set it as the stream's sink. */
export class RefusedRequest implements StreamSink {
  readonly #stream: Http2Stream;
  readonly #refusal: HttpRefusal;
  readonly #isHead: boolean;
  readonly #timer: TimerHandle;
  #bytes = 0;
  #isAnswered = false;

  constructor(stream: Http2Stream, why: HttpRefusal, { method }: RequestHeaders, clock: Clock) {
    this.#stream = stream;
    this.#refusal = why;
    this.#isHead = method === 'HEAD';
    this.#timer = clock.setTimer(clock.nowMs() + MAX_WAIT_MS, () => this.onEnd());
  }

  onData(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    this.#stream.consume(chunk.length);
    if (this.#bytes > MAX_BODY_BYTES) this.onEnd();
  }

  /** The answer goes out, once. */
  onEnd(): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    const { head, body } = this.#refusal;
    this.#stream.respond(head, this.#isHead);
    if (this.#isHead) return;
    this.#stream.write(body);
    this.#stream.end();
  }

  onWritable(): void {}

  onClose(): void {
    this.#timer.cancel();
  }
}
