/**
 * The shared runs of a version that are audited, by their count: some of the first, then one of about a hundred, so that a
 * fault is found within some thousand requests. Under much load it is far fewer: as many as AuditBudget allows. The gaps
 * are random around these numbers, so that no caller can tell which run it will be.
 */

/** Sums: about the 16th, the 48th and the 112th shared run. */
const FIRST_GAPS: readonly number[] = [16, 32, 64];
const GAP = 128;
/** A run that was due could not be audited, for example because it was too large: one of the next is. */
export const RETRY_GAP = 16;

export class AuditSchedule {
  /** 0 ≤ n < 1. */
  readonly #random: () => number;
  #count = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Shared runs from the last audited one to the next, that one included; at least 1. */
  nextGap(): number {
    const gap = FIRST_GAPS[this.#count] ?? GAP;
    this.#count += 1;
    return Math.max(1, Math.round(gap * (0.5 + this.#random())));
  }
}
