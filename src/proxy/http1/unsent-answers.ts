/**
 * Answers over HTTP/1.1 that their clients have not taken: counted, and bounded over all connections. A client that
 * pipelines can make the server hold many of them. How long one may wait is for the listener's stall timeout.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { UnsentBytes } from '../../core/unsent-bytes.ts';

export class UnsentAnswers {
  readonly #unsent: UnsentBytes;
  readonly #bySocket = new Map<Socket, number>();

  constructor(unsent: UnsentBytes) {
    this.#unsent = unsent;
  }

  /** Call it when node:http has an answer of `bytes`. Closes the connection if it may hold no more. */
  track(socket: Socket, response: ServerResponse, bytes: number): void {
    if (response.writableLength === 0 || response.writableFinished) return;
    if (this.add(socket, bytes)) response.once('finish', () => this.take(socket, bytes));
  }

  /** Counts `bytes` of the connection. Closes it, and returns false, if it is too much. */
  add(socket: Socket, bytes: number): boolean {
    const own = this.#bySocket.get(socket);
    if (socket.destroyed || !this.#unsent.mayKeep(own ?? 0)) {
      socket.destroy();
      return false;
    }
    if (own === undefined) socket.once('close', () => this.take(socket, Infinity));
    this.#bySocket.set(socket, (own ?? 0) + bytes);
    this.#unsent.bytes += bytes;
    return true;
  }

  /** The client has taken so many of the counted bytes; Infinity = all, or it has left. */
  take(socket: Socket, bytes: number): void {
    const own = this.#bySocket.get(socket);
    if (own === undefined) return;
    const taken = Math.min(own, bytes);
    this.#unsent.bytes -= taken;
    // Stays at 0: its 'close' has a listener.
    this.#bySocket.set(socket, own - taken);
    if (bytes === Infinity && socket.destroyed) this.#bySocket.delete(socket);
  }
}
