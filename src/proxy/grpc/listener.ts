/**
 * TCP and Unix sockets that take connections for an engine. We listen ourselves, rather than leave it to the HTTP/2
 * stack, because then bind errors keep their codes and every open socket is known: a close can end them all.
 *
 *   listen ──▶ taking connections ──▶ stopAccepting ──▶ destroy
 *                (any number of addresses)   open sockets live on     … until here
 */
import { createServer, type Server, type Socket } from 'node:net';
import { listenNet } from '../listen.ts';

export class Listener {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #onConnection: (socket: Socket) => void;
  readonly #whenEmpty: (() => void)[] = [];

  constructor(onConnection: (socket: Socket) => void) {
    this.#onConnection = onConnection;
  }

  /** Resolves with the address as bound. Rejects with ListenError. */
  async listen(address: string): Promise<string> {
    const server = createServer({ noDelay: true }, (socket) => this.#take(socket));
    const bound = await listenNet(server, address);
    // Out of file descriptors, say: that costs one connection, not the server.
    server.on('error', () => undefined);
    this.#servers.push(server);
    return bound;
  }

  /** Takes no more connections; a socket file is gone. Those there are stay. Twice is once. */
  stopAccepting(): void {
    for (const server of this.#servers.splice(0)) server.close();
  }

  /** Ends every connection now. */
  destroy(): void {
    this.stopAccepting();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves when no connection is open. */
  untilEmpty(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  #forget(socket: Socket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#forget(socket));
    // A reset by the client; 'close' follows.
    socket.on('error', () => undefined);
    this.#onConnection(socket);
  }
}
