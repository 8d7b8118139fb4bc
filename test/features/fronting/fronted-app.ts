/**
 * A server in front of an application that is a real server of HTTP/1.1 or HTTP/2, which the test programs: its REST
 * port (FrontedApp), or both of its ports (FrontedHttp2 in fronted-http2.ts).
 */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import {
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { systemClock } from '../../../src/core/clock.ts';
import { W3C } from '../../../src/ledger/tracing/propagation.ts';
import { Callers } from '../../../src/proxy/caller.ts';
import { parseAppAddress } from '../../../src/proxy/fronting/app/app-address.ts';
import { AppClient } from '../../../src/proxy/fronting/app/app-client.ts';
import { Http1Front } from '../../../src/proxy/fronting/front.ts';
import { FrontedApps, type FrontOptions } from '../../../src/proxy/fronting/fronted-apps.ts';
import { FrontedDeadlines } from '../../../src/proxy/fronting/fronted-deadlines.ts';
import { OpenFronted } from '../../../src/proxy/fronting/open-fronted.ts';
import type { RestServerOptions } from '../../../src/proxy/servers/http-server.ts';
import { RestHarness, type RestOptions } from '../../support/rest-harness.ts';
import { FrontedRecords, frontedTelemetry } from './fronted-records.ts';

export interface FrontedOptions extends RestOptions {
  /** The protocol of the application. Default http. */
  readonly app?: 'http' | 'h2c';
  /** The HTTP/2 settings of an application that speaks h2c. */
  readonly settings?: Settings;
  /** Another server in place of the application's: its address. */
  readonly address?: string;
  readonly front?: Partial<FrontOptions>;
  /** How long an idle connection to the application is kept. */
  readonly idleMs?: number;
  /** Connections to the application. Default: any number. */
  readonly maxConnections?: number;
}

export class FrontedApp {
  /** The application's handler of a request of HTTP/1.1; the test sets it. */
  onRequest: RequestListener = (_request, response) => response.end('app');
  /** The same of HTTP/2. */
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void = (stream) => {
    stream.respond({ ':status': 200 });
    stream.end('app');
  };
  readonly app: Server | Http2Server;
  /** The records that telemetry got. */
  readonly seen = new FrontedRecords();
  readonly appSockets = new Set<Socket>();
  /** The sessions of an application that speaks h2c, in the order in which they were made. */
  readonly appSessions: ServerHttp2Session[] = [];
  readonly #options: FrontedOptions;
  /** The way from both ports to the application, from `start` on. */
  protected front!: FrontOptions;
  rest!: RestHarness;

  constructor(options: FrontedOptions = {}) {
    this.#options = options;
    this.app = options.app === 'h2c' ? this.#http2App() : createServer((...args) => this.onRequest(...args));
    this.app.on('connection', (socket: Socket) => {
      this.appSockets.add(socket);
      socket.once('close', () => this.appSockets.delete(socket));
    });
  }

  get url(): string {
    return this.rest.url;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.app.listen(0, '127.0.0.1', resolve));
    const { port } = this.app.address() as AddressInfo;
    const {
      app: scheme = 'http',
      address = `${scheme}://127.0.0.1:${port}`,
      maxConnections = Infinity,
    } = this.#options;
    const { front, idleMs, ...rest } = this.#options;
    const { telemetry } = this.seen;
    const onSocket = telemetry.follow.bind(telemetry);
    const client = new AppClient(parseAppAddress(address), { idleMs, onSocket, maxConnections });
    this.front = { ...frontOf(client), telemetry, ...front };
    this.rest = new RestHarness({ ...rest, server: { ...rest.server, front: httpFront(this.front) } });
    await this.rest.listen();
    return this;
  }

  /** Cuts the application's connections. */
  cutApp(): void {
    for (const socket of this.appSockets) socket.destroy();
  }

  async close(): Promise<void> {
    await this.rest?.close();
    this.cutApp();
    await new Promise((resolve) => this.app.close(resolve));
  }

  #http2App(): Http2Server {
    const server = createHttp2Server({ settings: this.#options.settings ?? {} });
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      stream.on('error', () => undefined);
      this.onStream(stream, headers);
    });
    server.on('session', (session) => {
      session.on('error', () => undefined);
      this.appSessions.push(session);
    });
    return server;
  }
}

/** The front of a REST server. */
export function httpFront(parts: FrontOptions): NonNullable<RestServerOptions['front']> {
  return (commonHeaders) => new Http1Front(new FrontedApps(parts), { clock: systemClock, commonHeaders });
}

/** The parts that a server needs to have `app` behind it, and nothing more. */
export function frontOf(app: AppClient): FrontOptions {
  const deadlines = new FrontedDeadlines();
  return {
    clock: systemClock,
    app,
    deadlines,
    callers: new Callers(),
    propagation: W3C,
    telemetry: frontedTelemetry(),
    underWay: new OpenFronted(),
  };
}

/** The whole body. */
export async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Resolves with the next request that the application gets, which is not answered yet. */
export function nextRequest(fronted: FrontedApp): Promise<[IncomingMessage, ServerResponse]> {
  return new Promise((resolve) => {
    fronted.onRequest = (request, response) => resolve([request, response]);
  });
}

/** Resolves at the event. */
export function event(emitter: NodeJS.EventEmitter, name: string): Promise<void> {
  return new Promise((resolve) => emitter.once(name, () => resolve()));
}
