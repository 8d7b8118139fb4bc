/** A handler of the HTTP/2 engine that does nothing by itself: the test answers, and looks at what the sinks were told. */
import { Buffer } from 'node:buffer';
import type { Http2Handler } from '../../src/proxy/http2/connection-core.ts';
import type { HeaderField } from '../../src/proxy/http2/hpack/header-field.ts';
import { encodeHeaders } from '../../src/proxy/http2/hpack/hpack-encoder.ts';
import type { RequestHeaders } from '../../src/proxy/http2/streams/request-headers.ts';
import type { Http2Stream, StreamSink } from '../../src/proxy/http2/streams/stream.ts';

export const HEAD = encodeHeaders([[':status', '200']]);
export const TRAILERS = encodeHeaders([['grpc-status', '0']]);

export class PuppetCall implements StreamSink {
  readonly stream: Http2Stream;
  readonly headers: RequestHeaders;
  readonly events: string[] = [];
  trailers: readonly HeaderField[] | undefined;
  /** Set by a test that wants to act inside a callback. */
  onEvent: (event: string) => void = () => {};

  constructor(stream: Http2Stream, headers: RequestHeaders) {
    this.stream = stream;
    this.headers = headers;
  }

  onData(chunk: Uint8Array): void {
    this.#note(`data ${chunk.length > 20 ? chunk.length : Buffer.from(chunk).toString('latin1')}`);
  }

  onEnd(trailers: readonly HeaderField[] | undefined): void {
    this.trailers = trailers;
    this.#note('end');
  }

  onWritable(): void {
    this.#note('writable');
  }

  onClose(code: number | undefined): void {
    this.#note(code === undefined ? 'closed' : `closed ${code}`);
  }

  #note(event: string): void {
    this.events.push(event);
    this.onEvent(event);
  }
}

export class PuppetHandler implements Http2Handler {
  readonly calls: PuppetCall[] = [];
  readonly errors: unknown[] = [];
  /** Set by a test that wants to act when a request begins. */
  onCall: (call: PuppetCall) => void = () => {};

  onStream(stream: Http2Stream, headers: RequestHeaders): void {
    const call = new PuppetCall(stream, headers);
    stream.sink = call;
    this.calls.push(call);
    this.onCall(call);
  }

  onHandlerError(error: unknown): void {
    this.errors.push(error);
  }
}
