/**
 * Both ports of a server in front of an application that is a real server of HTTP/1.1 or HTTP/2, which the test programs:
 *
 *   in    node's client of HTTP/2 ─▶ gRPC port ┐      ┌ http:  onRequest
 *         any client of HTTP/1.1  ─▶ REST port ┘ ───▶ └ h2c:   onStream
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { systemClock } from '../../src/core/clock.ts';
import { parseAppAddress } from '../../src/proxy/fronting/app/app-address.ts';
import { AppClient } from '../../src/proxy/fronting/app/app-client.ts';
import type { FrontOptions } from '../../src/proxy/fronting/front.ts';
import { Http2Front } from '../../src/proxy/fronting/http2-front.ts';
import { PillionEngine, type PillionEngineOptions } from '../../src/proxy/grpc/pillion-engine.ts';
import type { Http2Options } from '../../src/proxy/http2/options.ts';
import type { RequestHeaders } from '../../src/proxy/http2/streams/request-headers.ts';
import type { Http2Stream } from '../../src/proxy/http2/streams/stream.ts';
import { NO_MODEL, route } from '../../src/proxy/protocols/rest/route.ts';
import type { RestPart } from '../../src/proxy/servers/rest-part.ts';
import { RestRoutes } from '../../src/proxy/servers/rest-routes.ts';
import { frontOf, httpFront } from './fronted-app.ts';
import { openListener } from './http2-handlers.ts';
import { RestHarness } from './rest-harness.ts';

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A protocol with paths below /v2. */
const V2: RestPart = {
  root: '/v2',
  operations: [],
  schemas: {},
  match: (_method, path) => (path.startsWith('/v2') ? route('v2', 'unknown', NO_MODEL) : undefined),
  methodOf: () => undefined,
};

export interface FrontedHttp2Options {
  readonly app: 'http' | 'h2c';
  readonly settings?: Settings;
  readonly engine?: Partial<PillionEngineOptions>;
  readonly front?: Partial<FrontOptions>;
  /** Another server in place of the application's: its address. */
  readonly address?: string;
  /** Connections to the application. Default: any number. */
  readonly maxConnections?: number;
}

export class FrontedHttp2 {
  onRequest: RequestListener = (_request, response) => response.end('app');
  onStream: OnStream = (stream) => {
    stream.respond({ ':status': 200 });
    stream.end('app');
  };
  readonly app: Server | Http2Server;
  /** Of the application, in the order they were made. */
  readonly appSessions: ServerHttp2Session[] = [];
  readonly internalErrors: unknown[] = [];
  readonly #sockets = new Set<Duplex>();
  readonly #sessions = new Set<ClientHttp2Session>();
  readonly #options: FrontedHttp2Options;
  engine!: PillionEngine;
  rest!: RestHarness;
  /** Of the gRPC port: "host:port". */
  address = '';

  constructor(options: FrontedHttp2Options) {
    this.#options = options;
    if (options.app === 'http') this.app = createServer((request, response) => this.onRequest(request, response));
    else {
      const server = createHttp2Server({ settings: options.settings ?? {} });
      server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
        stream.on('error', () => undefined);
        this.onStream(stream, headers);
      });
      server.on('session', (session) => {
        session.on('error', () => undefined);
        this.appSessions.push(session);
      });
      this.app = server;
    }
    this.app.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.app.listen(0, '127.0.0.1', resolve));
    const { port } = this.app.address() as AddressInfo;
    const { address = `${this.#options.app}://127.0.0.1:${port}`, maxConnections = Infinity } = this.#options;
    const client = new AppClient(parseAppAddress(address), { maxConnections });
    const front: FrontOptions = {
      ...frontOf(client),
      ...this.#options.front,
    };
    const routes = new RestRoutes({ parts: [V2], isFronting: true });
    this.engine = new PillionEngine({
      clock: systemClock,
      front: new Http2Front(front, (method, path) => routes.match(method, path).kind !== 'app'),
      onInternalError: (error) => this.internalErrors.push(error),
      ...this.#options.engine,
    });
    this.address = await this.engine.listen('127.0.0.1:0');
    this.rest = await new RestHarness({ server: { front: httpFront(front) } }).listen();
    return this;
  }

  /** A client of its own, on the gRPC port. */
  session(settings: Settings = {}): ClientHttp2Session {
    const session = connect(`http://${this.address}`, { settings });
    session.on('error', () => undefined);
    this.#sessions.add(session);
    return session;
  }

  /** Cuts the application's connections. */
  cutApp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    await this.engine.close();
    await this.rest.close();
    this.cutApp();
    await new Promise((resolve) => this.app.close(resolve));
  }
}

/**
 * An application on this server's own engine, which tells a reset from an end: node's server ends an answer before it
 * resets it, and ends a body that was reset. Gives its address.
 */
export async function engineApp(
  onStream: (stream: Http2Stream, headers: RequestHeaders) => void,
  options: Partial<Http2Options> = {},
): Promise<{ address: string; close: () => void }> {
  const onHandlerError = (error: unknown): never => {
    throw error;
  };
  const { port, close } = await openListener({ options, handler: { onStream, onHandlerError } });
  return { address: `h2c://127.0.0.1:${port}`, close };
}

export interface Http2Answer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly body: Buffer;
  /** The answer was one frame of headers. */
  readonly isHeadersOnly: boolean;
  /** Of its reset; 0 if it ended well. */
  readonly code: number;
}

/** Asks and sends `body`; resolves when the stream has closed, however. */
export function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Http2Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

/** The answer, once its stream has closed. */
export function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  return new Promise((resolve) => {
    let headers: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders | undefined;
    let isHeadersOnly = false;
    const chunks: Buffer[] = [];
    stream.on('response', (received, flags) => {
      headers = received;
      isHeadersOnly = (flags & 1) !== 0;
    });
    stream.on('trailers', (received) => {
      trailers = received;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => undefined);
    stream.on('close', () => {
      resolve({ headers, trailers, body: Buffer.concat(chunks), isHeadersOnly, code: stream.rstCode });
    });
  });
}
