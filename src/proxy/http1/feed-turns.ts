/**
 * Shares the event loop between connections whose clients send requests ahead: in each turn a few of them go on, the others
 * keep their order. So what one has sent ahead delays a request of another by a few requests, and not by thousands.
 */
import { setImmediate } from 'node:timers';

/** The connections that go on in one turn of the event loop. */
const PER_TURN = 4;

/** A connection whose bytes wait. */
interface Waiting {
  onTurn(): void;
}

export class FeedTurns {
  readonly #waiting = new Set<Waiting>();
  #isArmed = false;

  /** Calls `onTurn` in a later turn, once. */
  add(connection: Waiting): void {
    this.#waiting.add(connection);
    this.#arm();
  }

  remove(connection: Waiting): void {
    this.#waiting.delete(connection);
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#isArmed = false;
    let left = PER_TURN;
    // One that is added again meanwhile comes again, behind the others.
    for (const connection of this.#waiting) {
      if (left === 0) break;
      left -= 1;
      this.#waiting.delete(connection);
      connection.onTurn();
    }
    if (this.#waiting.size > 0) this.#arm();
  }
}
