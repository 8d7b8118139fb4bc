/**
 * Bytes that wait for a peer to take them, over all connections: answers that clients have not read, uploads that an
 * application has not. A peer that does not read holds them for as long as it likes, so they are bounded together: past the
 * limit a connection that holds some may not add more, and past twice the limit none may.
 */
export class UnsentBytes {
  bytes = 0;
  limit: number;

  constructor(limit = Infinity) {
    this.limit = limit;
  }

  /** `own`: the bytes that the connection already holds. */
  mayKeep(own: number): boolean {
    return this.bytes <= this.limit || (own === 0 && this.bytes <= 2 * this.limit);
  }
}
