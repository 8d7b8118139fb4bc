/**
 * TCP and Unix sockets that take connections for an engine, over TLS where they are told to. We listen ourselves, rather
 * than leave it to the HTTP/2 stack, because then bind errors keep their codes and every open socket is known: a close
 * can end them all; and TLS is one thing for every engine.
 *
 *   listen ──▶ taking connections ──▶ stopAccepting ──▶ destroy
 *                (any number of addresses)   open sockets live on     … until here
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { listenNet } from '../net/listen.ts';
import { type ListenTls, TlsSockets, takesTls, tlsOptions } from '../net/tls-server.ts';

/** What gRPC clients ask for, and the only thing that is spoken here. */
const PROTOCOLS = ['h2'];

export class Listener {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #tlsSockets = new TlsSockets();
  readonly #onConnection: (socket: Socket) => void;
  readonly #tls: ListenTls | undefined;
  readonly #whenEmpty: (() => void)[] = [];
  #isStopped = false;

  /** @param tls of every TCP address; undefined = none */
  constructor(onConnection: (socket: Socket) => void, tls?: ListenTls) {
    this.#onConnection = onConnection;
    this.#tls = tls;
  }

  /** Resolves with the address as bound. Rejects with ListenError. */
  async listen(address: string): Promise<string> {
    const server = this.#tls !== undefined && takesTls(address) ? this.#tlsServer(this.#tls) : this.#plainServer();
    const bound = await listenNet(server, address);
    // Out of file descriptors, say: that costs one connection, not the server.
    server.on('error', () => undefined);
    this.#servers.push(server);
    return bound;
  }

  /** Takes no more connections; a socket file is gone. Those there are stay. Twice is once. */
  stopAccepting(): void {
    this.#isStopped = true;
    for (const server of this.#servers.splice(0)) server.close();
  }

  /** Ends every connection now. */
  destroy(): void {
    this.stopAccepting();
    this.#tlsSockets.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves when no connection is open; one whose handshake is not done does not count. */
  untilEmpty(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  #plainServer(): Server {
    return createServer({ noDelay: true }, (socket) => this.#take(socket));
  }

  #tlsServer(tls: ListenTls): Server {
    const server = createTlsServer({ ...tlsOptions(tls, PROTOCOLS), noDelay: true }, (socket) => this.#take(socket));
    this.#tlsSockets.watch(server, tls);
    return server;
  }

  #forget(socket: Socket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #take(socket: Socket): void {
    // Its handshake ended after the listening did.
    if (this.#isStopped) {
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#forget(socket));
    // A reset by the client; 'close' follows.
    socket.on('error', () => undefined);
    this.#onConnection(socket);
  }
}
