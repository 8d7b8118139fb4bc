/**
 * A client is connected, and sends, once the kernel has put it into the queue of the listening socket. Closing that
 * socket resets the connections in the queue, of which one a turn is accepted: so all of them are accepted first. A
 * connection that comes between the last look and the close is still reset: only the kernel could refuse it and keep
 * those that wait.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** More than a queue holds (node asks for 511): clients that connect all the time cannot keep the socket open. */
const MAX_TURNS = 2000;

/** Resolves when nobody waits to be accepted. `accepted`: how many have been until now. */
export async function acceptWaiting(accepted: () => number, isOver: () => boolean = () => false): Promise<void> {
  let before: number;
  let turns = 0;
  do {
    before = accepted();
    // Twice, because this turn's connections may have been accepted already.
    await nextTurn();
    await nextTurn();
    turns += 1;
  } while (before < accepted() && turns < MAX_TURNS && !isOver());
}
