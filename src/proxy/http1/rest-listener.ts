/**
 * The node:http servers under the REST surface, with TLS or without: their limits, their connections, their end.
 *
 *   TCP ─┬─────────────────┬▶ onConnection(socket, takeOver) ── takeOver() ──▶ node:http reads it from then on
 *        └ TLS, handshake ─┘
 */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { listenNet } from '../net/listen.ts';
import { type ListenTls, TlsSockets, takesTls, tlsOptions } from '../net/tls-server.ts';
import { afterReads, type Ending } from './ending.ts';

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
  readonly #ending: Ending;
  /** Connections, with those whose handshake is not done. */
  #taken = 0;
  /** Those that came since the drain began and until nobody listens any more. */
  #held: Map<Socket, () => void> | undefined;

  /** @param tls of every TCP address; undefined = none */
  constructor(events: RestListenerEvents, ending: Ending, tls: ListenTls | undefined) {
    this.#events = events;
    this.#ending = ending;
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
    server.on('connection', () => {
      this.#taken += 1;
    });
    if (tls !== undefined) this.#tlsSockets.watch(server, tls);
    server.on('clientError', (error, socket) => events.onParserError(error, socket));
    server.maxRequestsPerSocket = 0;
    const bound = await listenNet(server, address);
    server.on('error', (error) => events.onServerError(error));
    this.#servers.push(server);
    return bound;
  }

  /** Takes the connections that wait and then no more; resolves when all are gone. */
  async drain(): Promise<void> {
    await this.#takeWaiting();
    // Not the method of node:http, which closes idle connections.
    const ends = this.#servers.map((server) => closed(server, NetServer.prototype.close));
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const [socket, serve] of held) if (!socket.destroyed) serve();
    await Promise.all(ends);
  }

  /** Ends every connection of node:http, and every one whose handshake is not done. Twice is once. */
  async close(): Promise<void> {
    const ends = Promise.all(this.#servers.map((server) => closed(server, server.close)));
    this.#tlsSockets.destroy();
    for (const socket of this.#held?.keys() ?? []) socket.destroy();
    for (const server of this.#servers) server.closeAllConnections();
    await ends;
  }

  /**
   * A client is connected, and sends, once the kernel has put it into the queue of the listening socket. Closing that
   * socket resets those in the queue, of which we take one a turn: so they are taken first. They are served afterwards,
   * as whoever has an answer may open its next connection. One that comes between the last look and the close is reset
   * still: only the kernel can refuse newcomers and keep those that wait.
   */
  async #takeWaiting(): Promise<void> {
    this.#held = new Map();
    let taken: number;
    do {
      taken = this.#taken;
      await new Promise<void>((resolve) => afterReads(resolve));
    } while (taken < this.#taken && !this.#ending.isOver);
  }

  #takeConnections(server: Server, event: 'connection' | 'secureConnection'): void {
    // node:http's own listener: it gets a connection when the plain lane is done with it. Of 'connection' TLS has one,
    // too, which makes the handshake.
    const takeOver = server.listeners(event)[0] as (socket: Socket) => void;
    server.off(event, takeOver);
    server.on(event, (socket: Socket) => {
      const serve = (): void => this.#events.onConnection(socket, () => takeOver.call(server, socket));
      if (this.#held !== undefined) this.#hold(socket, serve);
      else if (this.#ending.isOver && event === 'secureConnection') socket.destroy();
      else serve();
    });
  }

  #hold(socket: Socket, serve: () => void): void {
    // A reset meanwhile would be nobody's.
    socket.on('error', () => undefined);
    this.#held?.set(socket, serve);
  }
}

function closed(server: Server, close: NetServer['close']): Promise<void> {
  return new Promise((resolve) => {
    // An error says that it was closed before: resolved all the same.
    close.call(server, () => resolve());
  });
}
