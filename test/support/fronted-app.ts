/** A REST server in front of an application that is a real HTTP/1.1 server, which the test programs. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { systemClock } from '../../src/core/clock.ts';
import { Callers } from '../../src/proxy/caller.ts';
import { parseAppAddress } from '../../src/proxy/fronting/app/app-address.ts';
import { AppClient } from '../../src/proxy/fronting/app/app-client.ts';
import { type FrontOptions, Http1Front } from '../../src/proxy/fronting/front.ts';
import { FrontedDeadlines } from '../../src/proxy/fronting/fronted-deadlines.ts';
import { OpenFronted } from '../../src/proxy/fronting/open-fronted.ts';
import type { RestServerOptions } from '../../src/proxy/servers/http-server.ts';
import { FrontedRecords, frontedTelemetry } from './fronted-records.ts';
import { RestHarness, type RestOptions } from './rest-harness.ts';

export interface FrontedOptions extends RestOptions {
  readonly front?: Partial<FrontOptions>;
  /** How long an idle connection to the application is kept. */
  readonly idleMs?: number;
  /** Connections to the application. Default: any number. */
  readonly maxConnections?: number;
}

export class FrontedApp {
  /** What the application does with a request; the test sets it. */
  onRequest: RequestListener = (_request, response) => response.end('app');
  readonly app: Server;
  /** What telemetry was told. */
  readonly seen = new FrontedRecords();
  readonly appSockets = new Set<Socket>();
  readonly #options: FrontedOptions;
  #rest: RestHarness | undefined;

  constructor(options: FrontedOptions = {}) {
    this.#options = options;
    this.app = createServer((request, response) => this.onRequest(request, response));
    this.app.on('connection', (socket) => {
      this.appSockets.add(socket);
      socket.once('close', () => this.appSockets.delete(socket));
    });
  }

  get rest(): RestHarness {
    return this.#rest!;
  }

  get url(): string {
    return this.rest.url;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.app.listen(0, '127.0.0.1', resolve));
    const { port } = this.app.address() as AddressInfo;
    const { front, idleMs, maxConnections = Infinity, ...rest } = this.#options;
    const { telemetry } = this.seen;
    const onSocket = telemetry.follow.bind(telemetry);
    const app = new AppClient(parseAppAddress(`http://127.0.0.1:${port}`), { idleMs, onSocket, maxConnections });
    this.#rest = new RestHarness({
      ...rest,
      server: { ...rest.server, front: httpFront({ ...frontOf(app), telemetry, ...front }) },
    });
    await this.#rest.listen();
    return this;
  }

  async close(): Promise<void> {
    await this.#rest?.close();
    for (const socket of this.appSockets) socket.destroy();
    await new Promise((resolve) => this.app.close(resolve));
  }
}

/** The front of a REST server. */
export function httpFront(parts: FrontOptions): NonNullable<RestServerOptions['front']> {
  return (commonHeaders) => new Http1Front(parts, commonHeaders);
}

/** What a server needs to have `app` behind it, and nothing more. */
export function frontOf(app: AppClient): FrontOptions {
  const deadlines = new FrontedDeadlines();
  return {
    clock: systemClock,
    app,
    trustsForwarded: false,
    deadlines,
    callers: new Callers(),
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
