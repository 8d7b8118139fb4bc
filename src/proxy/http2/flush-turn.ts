/**
 * Gathers the writes of one turn of the event loop: each connection of a server writes once, at the end of the turn, so
 * that the answers of one batch to one client leave in one system call. The end is Node's next-tick queue: it runs
 * after the promise callbacks of this turn, however long their chains are, and before the next I/O.
 */
import process from 'node:process';

export interface Flushable {
  flush(): void;
}

/** Decides what the event loop does between the answers of one turn and the next bytes. */
export interface IdlePolicy {
  /** The answers of a turn have been written on these connections. */
  answered(connections: readonly object[]): void;
  /** Bytes have come, on any connection. */
  received(): void;
}

/** The event loop sleeps until the next event, as Node's always does. */
export const SLEEP_WHEN_IDLE: IdlePolicy = { answered() {}, received() {} };

export class FlushTurn {
  #waiting: Flushable[] = [];
  readonly #flushAll = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const flushable of waiting) flushable.flush();
    this.#idle.answered(waiting);
  };
  readonly #idle: IdlePolicy;

  constructor(idle: IdlePolicy) {
    this.#idle = idle;
  }

  /** A caller adds itself once per turn. */
  add(flushable: Flushable): void {
    if (this.#waiting.push(flushable) === 1) process.nextTick(this.#flushAll);
  }
}
