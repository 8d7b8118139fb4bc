/**
 * Both ports of a server in front of an application that is a real server of HTTP/1.1 or HTTP/2, which the test
 * programs:
 *
 *   in    node's client of HTTP/2 ─▶ gRPC port ┐      ┌ http:  onRequest
 *         any client of HTTP/1.1  ─▶ REST port ┘ ───▶ └ h2c:   onStream
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type Settings,
} from 'node:http2';
import { systemClock } from '../../../src/core/clock.ts';
import { FrontedApps } from '../../../src/proxy/fronting/fronted-apps.ts';
import { Http2Front } from '../../../src/proxy/fronting/http2-front.ts';
import { PillionEngine, type PillionEngineOptions } from '../../../src/proxy/grpc/pillion-engine.ts';
import type { Http2Options } from '../../../src/proxy/http2/options.ts';
import type { RequestHeaders } from '../../../src/proxy/http2/streams/request-headers.ts';
import type { Http2Stream } from '../../../src/proxy/http2/streams/stream.ts';
import { NO_MODEL, route } from '../../../src/proxy/protocols/rest/route.ts';
import type { RestPart } from '../../../src/proxy/servers/rest-part.ts';
import { RestRoutes } from '../../../src/proxy/servers/rest-routes.ts';
import { openListener } from '../../support/http2-handlers.ts';
import { FrontedApp, type FrontedOptions } from './fronted-app.ts';

/** A protocol with paths below /v2. */
const V2: RestPart = {
  root: '/v2',
  operations: [],
  schemas: {},
  match: (_method, path) => (path.startsWith('/v2') ? route('v2', 'unknown', NO_MODEL) : undefined),
  methodOf: () => undefined,
};

export interface FrontedHttp2Options extends FrontedOptions {
  readonly app: 'http' | 'h2c';
  readonly engine?: Partial<PillionEngineOptions>;
}

export class FrontedHttp2 extends FrontedApp {
  readonly internalErrors: unknown[] = [];
  readonly #sessions = new Set<ClientHttp2Session>();
  readonly #engine: Partial<PillionEngineOptions>;
  engine!: PillionEngine;
  /** Address of the gRPC port: "host:port". */
  address = '';

  constructor({ engine = {}, ...options }: FrontedHttp2Options) {
    super(options);
    this.#engine = engine;
  }

  override async start(): Promise<this> {
    await super.start();
    const routes = new RestRoutes({ parts: [V2], isFronting: true });
    this.engine = new PillionEngine({
      clock: systemClock,
      front: new Http2Front(new FrontedApps(this.front), (method, path) => routes.match(method, path).kind !== 'app'),
      onInternalError: (error) => this.internalErrors.push(error),
      ...this.#engine,
    });
    this.address = await this.engine.listen('127.0.0.1:0');
    return this;
  }

  /** A client of its own, on the gRPC port. */
  session(settings: Settings = {}): ClientHttp2Session {
    const session = connect(`http://${this.address}`, { settings });
    session.on('error', () => undefined);
    this.#sessions.add(session);
    return session;
  }

  override async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    await this.engine.close();
    await super.close();
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
  /** The code of its reset; 0 if it ended well. */
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
