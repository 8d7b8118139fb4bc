/**
 * A handler of the HTTP/2 engine that answers every request with its own body, or with a line of text if it has none,
 * and its trailers with trailers. It keeps what it saw for a test to look at.
 */
import { Buffer } from 'node:buffer';
import type { Http2Handler } from '../../src/proxy/http2/connection-core.ts';
import type { HeaderField } from '../../src/proxy/http2/hpack/header-field.ts';
import { encodeHeaders } from '../../src/proxy/http2/hpack/hpack-encoder.ts';
import type { RequestHeaders } from '../../src/proxy/http2/streams/request-headers.ts';
import type { Http2Stream, StreamSink } from '../../src/proxy/http2/streams/stream.ts';

const OK = encodeHeaders([
  [':status', '200'],
  ['content-type', 'application/octet-stream'],
]);
const DONE = encodeHeaders([['x-echo', 'done']]);
const NO_BODY = Buffer.from('nothing was sent, so nothing comes back\n');

export class EchoHandler implements Http2Handler {
  readonly requests: EchoRequest[] = [];
  readonly errors: unknown[] = [];

  onStream(stream: Http2Stream, headers: RequestHeaders): void {
    const request = new EchoRequest(stream, headers);
    this.requests.push(request);
    stream.sink = request;
  }

  onHandlerError(error: unknown): void {
    this.errors.push(error);
  }
}

export class EchoRequest implements StreamSink {
  readonly stream: Http2Stream;
  readonly headers: RequestHeaders;
  readonly #chunks: Buffer[] = [];
  trailers: readonly HeaderField[] | undefined;
  /** 'open', 'done', or the code it was reset with. */
  end: 'open' | 'done' | number = 'open';
  closeCount = 0;

  constructor(stream: Http2Stream, headers: RequestHeaders) {
    this.stream = stream;
    this.headers = headers;
  }

  get body(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  onData(chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk));
    this.stream.consume(chunk.length);
  }

  onEnd(trailers: readonly HeaderField[] | undefined): void {
    this.trailers = trailers;
    const { body } = this;
    this.stream.respondUnary(
      OK,
      body.length === 0 ? NO_BODY : body,
      trailers === undefined ? DONE : encodeHeaders(trailers.map(({ name, value }) => [name, value])),
    );
  }

  onWritable(): void {}

  onClose(code: number | undefined): void {
    this.end = code ?? 'done';
    this.closeCount += 1;
  }
}
