/**
 * The node:http servers under the REST surface, with TLS or without: their limits, their connections, their end.
 *
 *   TCP ─┬─────────────────┬▶ onConnection(socket, takeOver) ── takeOver() ──▶ node:http reads it from then on
 *        └ TLS, handshake ─┘
 */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { listenNet } from '../listen.ts';
import { type ListenTls, TlsSockets, takesTls, tlsOptions } from '../tls-server.ts';

/** Node's own defaults, but where a comment says why. Milliseconds. */
const SERVER_OPTIONS = {
  // Room for a long traceparent, baggage and cookies of whoever stands in front.
  maxHeaderSize: 32 * 1024,
  // Slow headers hold nothing but a socket, yet who needs 20 s for them will not get an answer in time either.
  headersTimeout: 20_000,
  // A request's own deadline ends a slow body; this is for what has no deadline.
  requestTimeout: 600_000,
  // How often the two are looked after.
  connectionsCheckingInterval: 5_000,
  // Longer than whoever pools connections to us keeps them idle (load balancers 60 s to 10 min, Envoy 1 h): the side
  // that sends requests must be the one that closes, or a request meets a closing connection.
  keepAliveTimeout: 65 * 60_000,
  // So dead peers are found by TCP instead.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  noDelay: true,
  // We make nothing of Host.
  requireHostHeader: false,
} satisfies ServerOptions;

/** The same, where node:http has not the connection. */
export const PLAIN_TIMEOUTS = {
  firstRequestMs: SERVER_OPTIONS.headersTimeout,
  idleMs: SERVER_OPTIONS.keepAliveTimeout,
};

const PROTOCOLS = ['http/1.1'];

export interface RestListenerEvents {
  /** A new connection; it is node:http's after `takeOver`. */
  onConnection(socket: Socket, takeOver: () => void): void;
  onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void;
  /** What came is no HTTP, or came too slowly. */
  onParserError(error: NodeJS.ErrnoException, socket: Duplex): void;
  /** A server that listens has failed: it goes on. */
  onServerError(error: unknown): void;
}

export class RestListener {
  readonly #servers: Server[] = [];
  readonly #events: RestListenerEvents;
  readonly #tls: ListenTls | undefined;
  readonly #tlsSockets = new TlsSockets();
  #isDraining = false;

  /** @param tls of every TCP address; undefined = none */
  constructor(events: RestListenerEvents, tls: ListenTls | undefined) {
    this.#events = events;
    this.#tls = tls;
  }

  /** Resolves with the address as bound. Rejects with ListenError. */
  async listen(address: string): Promise<string> {
    const events = this.#events;
    const tls = takesTls(address) ? this.#tls : undefined;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
      events.onRequest(request, response, false);
    const server =
      tls === undefined
        ? createServer(SERVER_OPTIONS, onRequest)
        : createTlsServer({ ...SERVER_OPTIONS, ...tlsOptions(tls, PROTOCOLS) }, onRequest);
    server.on('checkContinue', (request, response) => events.onRequest(request, response, true));
    this.#takeConnections(server, tls === undefined ? 'connection' : 'secureConnection');
    if (tls !== undefined) this.#tlsSockets.watch(server, tls);
    server.on('clientError', (error, socket) => events.onParserError(error, socket));
    server.maxRequestsPerSocket = 0;
    const bound = await listenNet(server, address);
    server.on('error', (error) => events.onServerError(error));
    this.#servers.push(server);
    return bound;
  }

  /** Takes no more connections and ends those of node:http that are idle; resolves when all are gone. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await Promise.all(this.#servers.map(closed));
  }

  /** Ends every connection of node:http, and every one whose handshake is not done. Twice is once. */
  async close(): Promise<void> {
    const ends = this.drain();
    this.#tlsSockets.destroy();
    for (const server of this.#servers) server.closeAllConnections();
    await ends;
  }

  #takeConnections(server: Server, event: 'connection' | 'secureConnection'): void {
    // node:http's own listener: it gets a connection when the plain lane is done with it. Of 'connection' TLS has one,
    // too, which makes the handshake.
    const takeOver = server.listeners(event)[0] as (socket: Socket) => void;
    server.off(event, takeOver);
    server.on(event, (socket: Socket) => {
      if (this.#isDraining && event === 'secureConnection') socket.destroy();
      else this.#events.onConnection(socket, () => takeOver.call(server, socket));
    });
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // An error says that it was closed before: resolved all the same.
    server.close(() => resolve());
  });
}
