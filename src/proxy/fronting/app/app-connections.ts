/**
 * Connections to the application, each of which is a file descriptor: they have a share of the process's
 * (config/machine/descriptors.ts). The second half of that share is for callers that have few requests open, so that one
 * caller with many leaves room for others.
 */
import type { Socket } from 'node:net';
import type { ConnectionUser, OnSocket } from '../client-and-app.ts';

const KEPT_SHARE = 1 / 2;

export class AppConnections {
  readonly #max: number;
  readonly #scarceFrom: number;
  readonly #onSocket: OnSocket;
  #open = 0;

  /** @param onSocket is told of each connection as it is being made */
  constructor(max: number, onSocket: OnSocket) {
    this.#max = max;
    this.#scarceFrom = max - Math.floor(max * KEPT_SHARE);
    this.#onSocket = onSocket;
  }

  /** Another connection may be made for this user. */
  mayOpen(user: ConnectionUser): boolean {
    if (this.#open < this.#scarceFrom) return true;
    return this.#open < this.#max && user.hasFewOpen(this.#max);
  }

  /** A connection is being made. It counts until it has closed. */
  readonly add = (socket: Socket): void => {
    this.#open += 1;
    socket.once('close', () => {
      this.#open -= 1;
    });
    this.#onSocket(socket);
  };
}

/** The error of a request that may have no connection, as if the system had refused it. */
export function noDescriptors(): NodeJS.ErrnoException {
  return Object.assign(new Error('no file descriptors'), { code: 'EMFILE' });
}
