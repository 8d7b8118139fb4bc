/**
 * How far a server is with its end, for all its connections.
 *
 *   serving ──▶ draining: whoever sends is answered, the ──▶ over: an idle connection
 *               last answer in hand says so                  is ended
 */
import { setImmediate } from 'node:timers';

export interface Ending {
  /** Connections end with the last answer in hand. */
  readonly isDraining: boolean;
  /** Nobody is waited for any more who has sent nothing. */
  readonly isOver: boolean;
}

/** Runs it once every socket that has something to give has been looked at. */
export function afterReads(run: () => void): void {
  // The first may come in a turn whose reads are done already.
  setImmediate(() => setImmediate(run));
}
