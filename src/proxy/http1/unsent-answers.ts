/**
 * Answers of REST that their clients have not taken: counted, and bounded over all connections. A client that pipelines can
 * make the server hold many of them. How long one may wait is for the stall timeout of its listener, or of HTTP/2.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { UnsentBytes } from '../../core/unsent-bytes.ts';

export class UnsentAnswers {
  readonly #unsent: UnsentBytes;
  readonly #byConnection = new Map<Duplex, number>();

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
    if (this.hold(socket, bytes)) return true;
    socket.destroy();
    return false;
  }

  /** Counts `bytes` of the connection. Returns false, and counts nothing, if it is too much. */
  hold(connection: Duplex, bytes: number): boolean {
    const own = this.#byConnection.get(connection);
    if (connection.destroyed || !this.#unsent.mayKeep(own ?? 0)) return false;
    if (own === undefined) connection.once('close', () => this.take(connection, Infinity));
    this.#byConnection.set(connection, (own ?? 0) + bytes);
    this.#unsent.bytes += bytes;
    return true;
  }

  /** The client has taken so many of the counted bytes; Infinity = all, or it has left. */
  take(connection: Duplex, bytes: number): void {
    const own = this.#byConnection.get(connection);
    if (own === undefined) return;
    const taken = Math.min(own, bytes);
    this.#unsent.bytes -= taken;
    // Stays at 0: its 'close' has a listener.
    this.#byConnection.set(connection, own - taken);
    if (bytes === Infinity && connection.destroyed) this.#byConnection.delete(connection);
  }
}
