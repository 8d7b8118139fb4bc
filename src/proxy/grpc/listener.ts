/**
 * Accepts connections for an engine on TCP and Unix sockets, with TLS or without. The HTTP/2 stack does not listen
 * itself, so that bind errors keep their codes, a close can end every open socket, and TLS is the same for every
 * engine.
 *
 *   listen ──▶ accepting ──▶ stopAccepting ────────────▶ untilShaken ──────────▶ destroy
 *       (any number of addresses)   who waits is taken;     PROXY headers, handshakes
 *                                   open sockets stay       come or are given up     … until here
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import { acceptWaiting } from '../net/accept-waiting.ts';
import type { GatedConnection } from '../net/connection-gate.ts';
import { type ListenerAccess, listenNet } from '../net/listen.ts';
import { type ListenTls, TlsSockets, takesTls, tlsOptions } from '../net/tls-server.ts';

const ALPN_PROTOCOLS = ['h2'];

export class Listener {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #tlsSockets = new TlsSockets();
  readonly #onConnection: (socket: Socket) => GatedConnection | undefined;
  readonly #access: ListenerAccess;
  readonly #tls: ListenTls | undefined;
  readonly #whenEmpty: (() => void)[] = [];
  /** Connections accepted so far, before any TLS handshake. */
  #accepted = 0;
  #isClosed = false;

  /**
   * @param onConnection returns what the gate may ask about the connection; undefined if it is not kept
   * @param tls for every TCP address; undefined = no TLS
   */
  constructor(
    onConnection: (socket: Socket) => GatedConnection | undefined,
    access: ListenerAccess = {},
    tls?: ListenTls,
  ) {
    this.#onConnection = onConnection;
    this.#access = access;
    this.#tls = tls;
  }

  /** Resolves with the bound address. Rejects with ListenError. */
  async listen(address: string): Promise<string> {
    const server =
      this.#tls !== undefined && takesTls(address)
        ? this.#tlsServer(this.#tls)
        : createServer({ noDelay: true }, this.take);
    const bound = await listenNet(server, address, this.#access);
    server.on('connection', () => {
      this.#accepted += 1;
    });
    // An error, such as no file descriptors left, costs one connection, not the server.
    server.on('error', () => undefined);
    this.#servers.push(server);
    return bound;
  }

  /** Accepts the connections that wait, then no more, and removes socket files. Open connections stay. */
  async stopAccepting(): Promise<void> {
    if (this.#servers.length === 0) return;
    await acceptWaiting(
      () => this.#accepted,
      () => this.#isClosed,
    );
    this.#closeServers();
  }

  /**
   * Resolves when no header of a proxy and no TLS handshake is under way. After stopAccepting; those that take `mostMs`
   * are ended.
   */
  async untilShaken(clock: Clock, mostMs: number): Promise<void> {
    const { prelude } = this.#access;
    const timer = clock.setTimer(clock.nowMs() + mostMs, () => {
      prelude?.destroy();
      this.#tlsSockets.destroyUnshaken();
    });
    // A handshake begins behind the header.
    await prelude?.untilKnown();
    await this.#tlsSockets.untilShaken();
    timer.cancel();
  }

  /** Closes every connection now. */
  destroy(): void {
    this.#isClosed = true;
    this.#closeServers();
    this.#access.prelude?.destroy();
    this.#tlsSockets.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves when no connection is open; those in their TLS handshake do not count. */
  untilEmpty(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  #tlsServer(tls: ListenTls): Server {
    const server = createTlsServer({ ...tlsOptions(tls, ALPN_PROTOCOLS), noDelay: true }, this.take);
    this.#tlsSockets.watch(server, tls);
    return server;
  }

  #closeServers(): void {
    for (const server of this.#servers.splice(0)) server.close();
  }

  #forget(socket: Socket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** Takes a connection, of its own servers or of another's. */
  readonly take = (socket: Socket): void => {
    this.#sockets.add(socket);
    socket.once('close', () => this.#forget(socket));
    // The client has reset the connection; 'close' follows.
    socket.on('error', () => undefined);
    const connection = this.#onConnection(socket);
    if (connection !== undefined) this.#access.gate?.attach(socket, connection);
  };
}
