/**
 * The node:http servers of the REST surface, with TLS or without: their limits, their connections, their drain.
 *
 *   TCP ─┬─────────────────┬▶ onConnection(socket, takeOver) ── takeOver() ──▶ node:http reads it from then on
 *        └ TLS, handshake ─┘
 */
import type { Buffer } from 'node:buffer';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { acceptWaiting } from '../net/accept-waiting.ts';
import { JOINED_ALPN, type JoinedPort } from '../net/joined-port.ts';
import { type ListenerAccess, listenNet } from '../net/listen.ts';
import { type ListenTls, TlsSockets, takesTls, tlsOptions } from '../net/tls-server.ts';

/** Times are in milliseconds. */
const SERVER_OPTIONS = {
  // Enough for a long traceparent, baggage and the cookies of proxies in front.
  maxHeaderSize: 32 * 1024,
  // A client that needs longer for its headers would not get its answer in time either.
  headersTimeout: 20_000,
  // Ends a slow body of a request without a deadline.
  requestTimeout: 600_000,
  // How often the two timeouts are checked.
  connectionsCheckingInterval: 5_000,
  // TCP finds dead peers instead.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  noDelay: true,
  // Checked in http-server.ts, whose answer says what is wrong.
  requireHostHeader: false,
} satisfies ServerOptions;

/** The same timeouts for connections that node:http does not read. */
export const FIRST_REQUEST_MS = SERVER_OPTIONS.headersTimeout;
export const REQUEST_TIMEOUT_MS = SERVER_OPTIONS.requestTimeout;

/** The options of a server that passes bodies on: one may take hours, and its receiver limits its time. */
const STREAMING = { requestTimeout: 0 } satisfies ServerOptions;

const ALPN_PROTOCOLS = ['http/1.1'];

interface RestListenerEvents {
  /** A new connection. node:http reads it once `takeOver` has been called. */
  onConnection(socket: Socket, takeOver: () => void): void;
  onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void;
  /**
   * A request asks for another protocol. node:http reads the connection no more, until `readAgain` has been called.
   * Absent: node ignores the wish.
   */
  onUpgrade?(request: IncomingMessage, socket: Socket, head: Buffer, readAgain: () => void): void;
  /** The bytes are not HTTP, or came too slowly. */
  onParserError(error: NodeJS.ErrnoException, socket: Duplex): void;
  /** Nothing has gone in or out for `stallMs`, or for the gate's idle time between requests. node:http reads it. */
  onStall(socket: Socket): void;
  /** A listening server has reported an error; it goes on. */
  onServerError(error: unknown): void;
}

export class RestListener {
  readonly #servers: Server[] = [];
  readonly #events: RestListenerEvents;
  readonly #tls: ListenTls | undefined;
  readonly #tlsSockets = new TlsSockets();
  readonly #access: ListenerAccess;
  readonly #stallMs: number;
  readonly #joined = new Set<JoinedPort>();
  /** Connections accepted so far, before any TLS handshake. */
  #accepted = 0;
  /** The end of each server, set once it takes no more connections. */
  #closed: readonly Promise<void>[] = [];
  /** Connections that have not begun a protocol are closed. */
  #isLate = false;
  /** Connections accepted during a drain, until the servers have stopped listening, and what serves them. */
  #held: Map<Socket, () => void> | undefined;

  /** @param tls for every TCP address; undefined = no TLS */
  constructor(events: RestListenerEvents, stallMs: number, access: ListenerAccess, tls: ListenTls | undefined) {
    this.#events = events;
    this.#stallMs = stallMs;
    this.#access = access;
    this.#tls = tls;
  }

  /** `joined`: who takes what is not HTTP/1.1. Resolves with the bound address. Rejects with ListenError. */
  async listen(address: string, joined?: JoinedPort): Promise<string> {
    const events = this.#events;
    const tls = takesTls(address) ? this.#tls : undefined;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
      events.onRequest(request, response, false);
    // The gate ends idle connections; clients are told when (`keep-alive: timeout=…`), to close before.
    const base = events.onUpgrade === undefined ? SERVER_OPTIONS : { ...SERVER_OPTIONS, ...STREAMING };
    const options = { ...base, keepAliveTimeout: this.#access.gate?.idleMs ?? 0 };
    const server =
      tls === undefined ? createServer(options, onRequest) : this.#tlsServer(tls, options, onRequest, joined);
    server.setTimeout(this.#stallMs, (socket?: Socket) => socket && events.onStall(socket));
    server.on('checkContinue', (request, response) => events.onRequest(request, response, true));
    // No answer depends on any other expectation of a client (RFC 9110, 10.1.1).
    server.on('checkExpectation', (request, response) => events.onRequest(request, response, false));
    this.#takeConnections(server, tls === undefined ? 'connection' : 'secureConnection', joined);
    if (tls !== undefined) joined?.guardTls(server);
    server.on('clientError', (error, socket) => events.onParserError(error, socket));
    server.maxRequestsPerSocket = 0;
    // Node would drop fields beyond a thousand and say nothing. maxHeaderSize limits them.
    server.maxHeadersCount = 0;
    const bound = await listenNet(server, address, this.#access);
    // This listener comes before those that wait for a connection's first bytes.
    server.prependListener('connection', () => {
      this.#accepted += 1;
    });
    if (joined !== undefined) this.#joined.add(joined);
    server.on('error', (error) => events.onServerError(error));
    this.#servers.push(server);
    return bound;
  }

  #tlsServer(tls: ListenTls, options: ServerOptions, onRequest: RequestListener, joined?: JoinedPort): Server {
    const protocols = joined === undefined ? ALPN_PROTOCOLS : JOINED_ALPN;
    const server = createTlsServer({ ...options, ...tlsOptions(tls, protocols) }, onRequest);
    this.#tlsSockets.watch(server, tls);
    return server;
  }

  /** Accepts the connections that wait, and then no more. Open connections stay. */
  async stopAccepting(): Promise<void> {
    // Served once all of them are accepted: a client that has its answer may open its next connection.
    this.#held = new Map();
    await acceptWaiting(
      () => this.#accepted,
      () => this.#isLate,
    );
    // The close of node:http would close idle connections.
    this.#closed = this.#servers.map((server) => closed(server, NetServer.prototype.close));
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const [socket, serve] of held) if (!socket.destroyed) serve();
  }

  /** Resolves when all connections have closed. Call after stopAccepting. */
  async untilEmpty(): Promise<void> {
    await Promise.all(this.#closed);
  }

  /** Closes the connections on which nothing has come. */
  endSilent(): void {
    this.#tlsSockets.destroySilent();
    for (const joined of this.#joined) joined.destroySilent();
    this.#access.prelude?.destroySilent();
  }

  /** Closes the connections that have not said what they are, or whose TLS handshake is not done. */
  endUndecided(): void {
    this.#isLate = true;
    this.#tlsSockets.destroyUnshaken();
    for (const joined of this.#joined) joined.destroy();
    this.#access.prelude?.destroy();
  }

  /** Closes every connection that node:http reads or whose TLS handshake is not done. May be called again. */
  async close(): Promise<void> {
    const ends = Promise.all(this.#servers.map((server) => closed(server, server.close)));
    this.#tlsSockets.destroy();
    this.endUndecided();
    for (const socket of this.#held?.keys() ?? []) socket.destroy();
    for (const server of this.#servers) server.closeAllConnections();
    await ends;
  }

  #takeConnections(server: Server, event: 'connection' | 'secureConnection', joined?: JoinedPort): void {
    // node:http's own listener gets a connection when the plain lane hands it over. A TLS server has a listener of
    // 'connection' too, which makes the handshake and stays.
    const takeOver = server.listeners(event)[0] as (socket: Socket) => void;
    server.off(event, takeOver);
    if (this.#events.onUpgrade !== undefined) {
      server.on('upgrade', (request, socket, head) =>
        this.#events.onUpgrade!(request, socket as Socket, head, () => takeOver.call(server, socket as Socket)),
      );
    }
    server.on(event, (socket: Socket) => {
      const serveHttp1 = (): void => this.#events.onConnection(socket, () => takeOver.call(server, socket));
      const serve = joined === undefined ? serveHttp1 : (): void => joined.enter(socket, serveHttp1);
      if (this.#held !== undefined) {
        // A reset would be an uncaught error if nobody listened.
        socket.on('error', () => undefined);
        this.#held.set(socket, serve);
      } else if (this.#isLate) socket.destroy();
      else serve();
    });
  }
}

function closed(server: Server, close: NetServer['close']): Promise<void> {
  return new Promise((resolve) => {
    // An error only means that it was closed before.
    close.call(server, () => resolve());
  });
}
