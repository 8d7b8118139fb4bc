/**
 * Finds the socket of a call of grpc-js, which shows the call's addresses alone. Both ends count: two clients behind
 * one router may have the same address and port where they have called different addresses of this machine.
 */
import type { Socket } from 'node:net';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

type ConnectionInfo = ReturnType<ServerInterceptingCallInterface['getConnectionInfo']>;

export class SocketsByAddress {
  readonly #sockets = new Map<string, Socket>();

  /** A new connection, until it closes. Connections of Unix sockets have no address, and are not kept. */
  add(socket: Socket): void {
    const key = keyOf(socket);
    if (key === undefined) return;
    this.#sockets.set(key, socket);
    socket.once('close', () => {
      if (this.#sockets.get(key) === socket) this.#sockets.delete(key);
    });
  }

  /** Undefined for a Unix socket, and for a connection that has closed. */
  of(info: ConnectionInfo): Socket | undefined {
    const key = keyOf(info);
    return key === undefined ? undefined : this.#sockets.get(key);
  }
}

function keyOf({ localAddress, localPort, remoteAddress, remotePort }: ConnectionInfo): string | undefined {
  if (remoteAddress === undefined) return undefined;
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
