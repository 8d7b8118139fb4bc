/**
 * Answers of the application that their clients do not take. What is buffered of one, in node's streams and in the windows
 * of HTTP/2, is charged to the budget of unsent answers as long as its client takes nothing.
 */
import type { Duplex } from 'node:stream';
import type { UnsentBytes } from '../../core/unsent-bytes.ts';
import { STREAM_WINDOW_BYTES } from './app/app-session.ts';

/** Buffered of one answer: a read and a stream's buffer on either side, and a stream of the engine. */
export const UNTAKEN_BYTES = 192 * 1024;
/** The bytes that an application of HTTP/2 may send ahead. */
export const UNTAKEN_HTTP2_BYTES = UNTAKEN_BYTES + STREAM_WINDOW_BYTES;

export class UntakenAnswers {
  readonly #unsent: UnsentBytes;
  readonly #bytesEach: number;
  readonly #byConnection = new Map<Duplex, number>();

  /** @param bytesEach are held of one answer at most */
  constructor(unsent: UnsentBytes, bytesEach: number) {
    this.#unsent = unsent;
    this.#bytesEach = bytesEach;
  }

  /** Charges an answer to its client's connection. False: so much is held that the answer must be given up. */
  hold(connection: Duplex): boolean {
    const own = this.#byConnection.get(connection) ?? 0;
    if (!this.#unsent.mayKeep(own)) return false;
    this.#byConnection.set(connection, own + this.#bytesEach);
    this.#unsent.bytes += this.#bytesEach;
    return true;
  }

  /** The client takes again, or the answer is over. Call once for each `hold` that returned true. */
  release(connection: Duplex): void {
    const own = this.#byConnection.get(connection)! - this.#bytesEach;
    this.#unsent.bytes -= this.#bytesEach;
    if (own > 0) this.#byConnection.set(connection, own);
    else this.#byConnection.delete(connection);
  }
}
