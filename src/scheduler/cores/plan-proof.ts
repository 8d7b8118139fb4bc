/**
 * Proves that a plan whose sessions are not all open would be better: at every look for a while, or at every look at a crowd.
 * In a slow moment of the machine alone, one that is not used always looks better.
 */
import type { Instant } from '../../core/clock.ts';
import { FIRST_PROOF_MS, LATER_PROOF_MS, MIN_CROWDED_LOOKS, OVERLOAD_PROOF_MS } from '../tuning.ts';

export class PlanProof {
  /** When the plan in use got the batches. */
  #begun: Instant = -Infinity;
  #betterSince: Instant | undefined;
  /** How many of the looks since then were at a crowd. */
  #crowdedLooks = 0;

  /** Another plan has the batches from now on. */
  begin(now: Instant): void {
    this.#begun = now;
    this.#forget();
  }

  /** Notes a look. Crowds that come and go prove it, too: what lies between them says nothing of them. */
  note(isBetter: boolean, isCrowd: boolean, now: Instant): void {
    if (isBetter) {
      this.#betterSince ??= now;
      if (isCrowd) this.#crowdedLooks += 1;
    } else if (isCrowd || this.#crowdedLooks < MIN_CROWDED_LOOKS) this.#forget();
  }

  /** The plan would have been better for long enough. */
  isGiven(isOverloaded: boolean, now: Instant): boolean {
    if (this.#betterSince === undefined) return false;
    const betterMs = now - this.#betterSince;
    if (isOverloaded && this.#crowdedLooks >= MIN_CROWDED_LOOKS) return betterMs >= OVERLOAD_PROOF_MS;
    // Soon after a change, the times of both are of the same moments.
    const isSoon = this.#betterSince - this.#begun < FIRST_PROOF_MS;
    return betterMs >= (isSoon ? FIRST_PROOF_MS : LATER_PROOF_MS);
  }

  #forget(): void {
    this.#betterSince = undefined;
    this.#crowdedLooks = 0;
  }
}
