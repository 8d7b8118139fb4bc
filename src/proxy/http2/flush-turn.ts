/**
 * Gathers the writes of one turn of the event loop: whatever the connections of a server have to send is written once
 * per connection, after all that runs now has run. Answers of one batch that go to one client leave in one system call.
 * "Now" ends where Node runs its next-tick queue: after the promise callbacks of this turn, before the next I/O
 * (measured beside a microtask and setImmediate: no difference in CPU or latency when answers come together, and it
 * alone waits for long promise chains without waiting for I/O).
 */

import process from 'node:process';
import type { IdleSpin } from './idle-spin.ts';

export interface Flushable {
  flush(): void;
}

export class FlushTurn {
  #waiting: Flushable[] = [];
  readonly #run = (): void => this.#flushAll();
  readonly #spin: IdleSpin;

  /** @param spin is told when a turn's answers are written */
  constructor(spin: IdleSpin) {
    this.#spin = spin;
  }

  /** The caller sees to it that it is added once per turn. */
  add(flushable: Flushable): void {
    if (this.#waiting.push(flushable) === 1) process.nextTick(this.#run);
  }

  #flushAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const flushable of waiting) flushable.flush();
    this.#spin.answered(waiting);
  }
}
