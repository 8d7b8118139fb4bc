/**
 * Notices that a model could use more cores than its sessions can: batches wait, a core is free, and every session runs
 * one. That alone happens between any two batches; only where it is so for DEMAND_SHARE of the time, one more session is
 * asked for.
 */
import type { Instant } from '../../core/clock.ts';
import { RateWindow } from '../rate-window.ts';
import { DEMAND_SHARE, DEMAND_SPAN_MS } from '../tuning.ts';

export class SessionDemand {
  readonly #starved: RateWindow;
  #since: Instant | undefined;

  constructor(now: Instant) {
    this.#starved = new RateWindow(DEMAND_SPAN_MS, now);
  }

  /** The present state. True = one more session would have been used for long enough; counting begins anew. */
  note(isStarved: boolean, now: Instant): boolean {
    if (this.#since !== undefined) this.#starved.add(now - this.#since, now);
    this.#since = isStarved ? now : undefined;
    return isStarved && this.#starved.perMs(now) >= DEMAND_SHARE;
  }
}
