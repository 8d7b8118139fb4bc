/**
 * The HTTP/2 engine as the server of a test: a handler that does nothing by itself (PuppetHandler: the test answers,
 * and looks at what the sinks were told), one that sends back what it gets (EchoHandler), and a port for either
 * (listen).
 */
import { Buffer } from 'node:buffer';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { systemClock } from '../../src/core/clock.ts';
import type { Http2Handler } from '../../src/proxy/http2/connection-core.ts';
import type { HeaderField } from '../../src/proxy/http2/hpack/header-field.ts';
import { encodeHeaders } from '../../src/proxy/http2/hpack/hpack-encoder.ts';
import { Http2Server, type Http2ServerInit } from '../../src/proxy/http2/server.ts';
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

const OK = encodeHeaders([
  [':status', '200'],
  ['content-type', 'application/octet-stream'],
]);
const DONE = encodeHeaders([['x-echo', 'done']]);
const NO_BODY = Buffer.from('nothing was sent, so nothing comes back\n');

/**
 * Answers every request with its own body, or with a line of text if it has none, and its trailers with trailers. It
 * keeps what it saw for a test to look at.
 */
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

export interface ListenInit extends Partial<Http2ServerInit> {
  readonly handler: Http2Handler;
  /** Speaks TLS, and these protocols by ALPN. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ALPNProtocols: string[] };
  /** A Unix socket instead of a port. */
  readonly path?: string;
}

export interface Listener {
  readonly engine: Http2Server;
  readonly listener: Server;
  readonly port: number;
  close(): void;
}

/** The engine behind a real socket on a free port, for one test: closed with all its connections at its end. */
export async function listen(t: TestContext, init: ListenInit): Promise<Listener> {
  const listener = await openListener(init);
  t.after(() => listener.close());
  return listener;
}

/** The same until its `close`. */
export async function openListener({ tls, path, ...init }: ListenInit): Promise<Listener> {
  const engine = new Http2Server({ clock: systemClock, ...init });
  const listener = tls
    ? createTlsServer(tls, (socket) => engine.accept(socket))
    : createServer((socket) => engine.accept(socket));
  await new Promise<void>((resolve) => {
    if (path === undefined) listener.listen(0, '127.0.0.1', resolve);
    else listener.listen(path, resolve);
  });
  const address = listener.address();
  const port = typeof address === 'object' ? (address as AddressInfo).port : 0;
  const close = (): void => {
    engine.destroy();
    listener.close();
  };
  return { engine, listener, port, close };
}
