/**
 * Is there a standing queue of work without deadlines? After CoDel ("Controlling Queue Delay", ACM Queue 2012): a burst
 * is a queue that drains; what stands is one whose head has waited too long at every look for STANDING_AFTER_MS. Only
 * then is it worth refusing and shedding, and serving the newest first: the old are late anyway.
 *
 *   head's wait  ─────╱╲──╱───────╲───      above the target for 100 ms on end ▸ standing
 *   target       ┈┈┈┈╱┈┈╲╱┈┈┈┈┈┈┈┈┈╲┈      one look below it ▸ over
 */
import type { Instant } from '../../core/clock.ts';

const STANDING_AFTER_MS = 100;
const LEAST_TARGET_MS = 5;
/** Of the objective: the rest is for the batch itself. */
const TARGET_SHARE = 0.5;

export class StandingQueue {
  /** Since when the head's wait has been above the target; Infinity = it is not. */
  #aboveSince: Instant = Infinity;
  /** `look` and `clear` alone write it. */
  isStanding = false;

  /** A look at the head, which has waited so long. */
  look(waitedMs: number, objectiveMs: number, now: Instant): void {
    if (waitedMs <= Math.max(LEAST_TARGET_MS, TARGET_SHARE * objectiveMs)) {
      this.clear();
      return;
    }
    if (this.#aboveSince === Infinity) this.#aboveSince = now;
    this.isStanding = now - this.#aboveSince >= STANDING_AFTER_MS;
  }

  /** Nothing waits. */
  clear(): void {
    this.#aboveSince = Infinity;
    this.isStanding = false;
  }
}
