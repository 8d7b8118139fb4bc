/**
 * Accepts connections for an engine on TCP and Unix sockets, with TLS or without. The HTTP/2 stack does not listen
 * itself, so that bind errors keep their codes, a close can end every open socket, and TLS is the same for every
 * engine.
 *
 *   listen ──▶ accepting ──▶ stopAccepting ──▶ destroy
 *       (any number of addresses)   open sockets stay    … until here
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Occupant } from '../net/connection-gate.ts';
import { type Entrance, listenNet } from '../net/listen.ts';
import { type ListenTls, TlsSockets, takesTls, tlsOptions } from '../net/tls-server.ts';

const ALPN_PROTOCOLS = ['h2'];

export class Listener {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #tlsSockets = new TlsSockets();
  readonly #onConnection: (socket: Socket) => Occupant | undefined;
  readonly #entrance: Entrance;
  readonly #tls: ListenTls | undefined;
  readonly #whenEmpty: (() => void)[] = [];
  #isStopped = false;

  /**
   * @param onConnection returns what the gate may ask about the connection; undefined if it is not kept
   * @param tls for every TCP address; undefined = no TLS
   */
  constructor(onConnection: (socket: Socket) => Occupant | undefined, entrance: Entrance = {}, tls?: ListenTls) {
    this.#onConnection = onConnection;
    this.#entrance = entrance;
    this.#tls = tls;
  }

  /** Resolves with the bound address. Rejects with ListenError. */
  async listen(address: string): Promise<string> {
    const server =
      this.#tls !== undefined && takesTls(address)
        ? this.#tlsServer(this.#tls)
        : createServer({ noDelay: true }, this.#take);
    const bound = await listenNet(server, address, this.#entrance);
    // E.g. no file descriptors left: that costs one connection, not the server.
    server.on('error', () => undefined);
    this.#servers.push(server);
    return bound;
  }

  /** Accepts no more connections and removes socket files. Open connections stay. May be called again. */
  stopAccepting(): void {
    this.#isStopped = true;
    for (const server of this.#servers.splice(0)) server.close();
  }

  /** Closes every connection now. */
  destroy(): void {
    this.stopAccepting();
    this.#tlsSockets.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves when no connection is open; those in their TLS handshake do not count. */
  untilEmpty(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  #tlsServer(tls: ListenTls): Server {
    const server = createTlsServer({ ...tlsOptions(tls, ALPN_PROTOCOLS), noDelay: true }, this.#take);
    this.#tlsSockets.watch(server, tls);
    return server;
  }

  #forget(socket: Socket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  readonly #take = (socket: Socket): void => {
    // Its TLS handshake ended after stopAccepting.
    if (this.#isStopped) {
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#forget(socket));
    // A reset by the client; 'close' follows.
    socket.on('error', () => undefined);
    const occupant = this.#onConnection(socket);
    if (occupant !== undefined) this.#entrance.gate?.occupy(socket, occupant);
  };
}
