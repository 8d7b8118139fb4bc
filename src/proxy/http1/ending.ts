/**
 * The state of a server's drain, for all its connections.
 *
 *   serving ──▶ draining: requests are answered; a   ──▶ over: idle connections
 *               connection's last answer ends it         are closed
 */
import { setImmediate } from 'node:timers';

export interface Ending {
  /** Connections end with their last answer. */
  readonly isDraining: boolean;
  /** The grace period of idle connections is over. */
  readonly isOver: boolean;
}

/** Runs a function once every readable socket has been read. */
export function afterReads(run: () => void): void {
  // Twice, because this turn's reads may be done already.
  setImmediate(() => setImmediate(run));
}
