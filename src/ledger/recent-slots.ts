/**
 * Counts of the last half minute: a slot for every five seconds, of which the oldest goes when a new one begins.
 *
 *   restart ──▶ slot │ slot │ … │ the current one      at most SLOTS; `seconds` is what they cover
 */
import type { Clock, Instant } from '../core/clock.ts';

const SLOT_MS = 5000;
const SLOTS = 6;

export class RecentSlots<T> {
  readonly #clock: Clock;
  readonly #make: () => T;
  #slots: { readonly at: Instant; readonly counts: T }[] = [];
  #since: Instant;

  constructor(clock: Clock, make: () => T) {
    this.#clock = clock;
    this.#make = make;
    this.#since = clock.nowMs();
  }

  /** Forgets everything, and counts from now on. */
  restart(): void {
    this.#slots = [];
    this.#since = this.#clock.nowMs();
  }

  /** The counts of now. */
  get current(): T {
    const now = this.#clock.nowMs();
    const last = this.#slots.at(-1);
    const at = this.#since + Math.floor((now - this.#since) / SLOT_MS) * SLOT_MS;
    if (last?.at === at) return last.counts;
    this.#slots = [...this.#slots.filter((slot) => isRecent(slot.at, now)), { at, counts: this.#make() }];
    return this.#slots.at(-1)!.counts;
  }

  /** The counts of the slots in which something was counted, oldest first. */
  get all(): readonly T[] {
    const now = this.#clock.nowMs();
    return this.#slots.filter(({ at }) => isRecent(at, now)).map(({ counts }) => counts);
  }

  /** The time that they cover, at least a second. */
  get seconds(): number {
    const now = this.#clock.nowMs();
    const inSlot = (now - this.#since) % SLOT_MS;
    const most = (SLOTS - 1) * SLOT_MS + inSlot;
    return Math.max(1000, Math.min(now - this.#since, most)) / 1000;
  }
}

/** Is the slot that begun at `at` one of the last SLOTS? The current one is not full. */
function isRecent(at: Instant, now: Instant): boolean {
  return now - at < SLOTS * SLOT_MS;
}
