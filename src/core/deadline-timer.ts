/**
 * Every request's deadline on one operating-system timer.
 *
 * Deadlines stand in a heap and the timer is armed for the earliest alone: one thing to fake in a test, to close and to
 * check for leaks. When the earliest leaves, the timer stays armed, wakes once for nothing and re-arms.
 */
import type { Clock, Instant, TimerHandle } from './clock.ts';
import { Heap, type HeapEntry } from './collections/heap.ts';

export interface DeadlineEntry extends HeapEntry {
  readonly at: Instant;
  readonly onExpire: () => void;
}

export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #heap = new Heap<DeadlineEntry>((a, b) => a.at < b.at);
  #timer: TimerHandle | undefined;
  #armedFor: Instant = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The number of deadlines that have neither passed nor been removed: for leak checks. */
  get size(): number {
    return this.#heap.size;
  }

  /** Calls `onExpire` once, at or after `at`; in the next timer turn if `at` has passed. Infinity is never due. */
  add(at: Instant, onExpire: () => void): DeadlineEntry {
    const entry: DeadlineEntry = { at, onExpire, heapIndex: -1 };
    if (at === Infinity) return entry;
    this.#heap.add(entry);
    if (at < this.#armedFor) this.#arm(at);
    return entry;
  }

  /** Does nothing for an entry that was removed or has expired. */
  remove(entry: DeadlineEntry): void {
    this.#heap.remove(entry);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Infinity;
  }

  #arm(at: Instant): void {
    this.#timer?.cancel();
    this.#armedFor = at;
    this.#timer = this.#clock.setTimer(at, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    this.#armedFor = Infinity;
    const now = this.#clock.nowMs();
    try {
      for (let first = this.#heap.peek(); first !== undefined && first.at <= now; first = this.#heap.peek()) {
        this.#heap.remove(first);
        first.onExpire();
      }
    } finally {
      // A listener that throws must not cost every later request its deadline.
      const next = this.#heap.peek();
      if (next !== undefined && next.at < this.#armedFor) this.#arm(next.at);
    }
  }
}
