/**
 * The callers that have sent values which a model cannot take: their requests wait in lanes of their own for a while,
 * so that no other caller's request shares a batch with them. Each pays for the runs that its values cost.
 *
 *   blamed ─▶ apart ──── a batch of its own was answered after the hold ────▶ together with the others
 *               ▲ └ blamed again: the hold begins again                          │
 *               └───────────────── blamed again: the hold is twice as long ◀─────┘ …until it is forgotten
 *
 *   debt  ▲ a run that failed, or was needed to find a fault, adds its length
 *         │ time takes off RERUN_TIME_SHARE of what has passed
 *         └ above the limit the caller's requests yield to those of all others
 *
 * So an offender costs the others RERUN_TIME_SHARE of one worker's time, and the limit once. Bounded: the caller that
 * was blamed longest ago is forgotten when there are too many. Durations in ms.
 */
import type { Instant } from '../../core/clock.ts';
import {
  FIRST_HOLD_MS,
  MAX_HOLD_MS,
  MAX_OFFENDERS,
  MIN_RERUN_ADVANCE_MS,
  RERUN_ADVANCE_RUNS,
  RERUN_TIME_SHARE,
} from '../tuning.ts';

/** All requests without a caller. */
export const NO_CALLER = '';

interface Offender {
  owedMs: number;
  /** Until when the debt has been paid off. */
  paidAt: Instant;
  isApart: boolean;
  holdMs: number;
  holdUntil: Instant;
}

/** A caller that behaved for so many holds begins anew. */
const FORGIVEN_HOLDS = 10;

export class Offenders {
  /** By caller; the one that was blamed last is at the end. */
  readonly #all = new Map<string, Offender>();
  /** Callers whose requests wait apart now. */
  apart = 0;

  /** Callers that are remembered. */
  get size(): number {
    return this.#all.size;
  }

  isApart(caller: string): boolean {
    return this.#all.get(caller)?.isApart === true;
  }

  /** The caller's values were found at fault. True: it was not kept apart before. */
  blame(caller: string, now: Instant): boolean {
    const known = this.#all.get(caller);
    const offender = known ?? { owedMs: 0, paidAt: now, isApart: false, holdMs: 0, holdUntil: now };
    if (known !== undefined) this.#all.delete(caller);
    else if (this.#all.size === MAX_OFFENDERS) this.#forgetFirst();
    this.#all.set(caller, offender);
    const isNew = !offender.isApart;
    if (isNew) {
      const isAnew = offender.holdMs === 0 || now - offender.holdUntil > FORGIVEN_HOLDS * offender.holdMs;
      offender.holdMs = isAnew ? FIRST_HOLD_MS : Math.min(MAX_HOLD_MS, 2 * offender.holdMs);
      offender.isApart = true;
      this.apart += 1;
    }
    offender.holdUntil = now + offender.holdMs;
    return isNew;
  }

  /** A batch of the caller's requests alone was answered. */
  onAnswered(caller: string, now: Instant): void {
    const offender = this.#all.get(caller);
    if (offender?.isApart !== true || now < offender.holdUntil) return;
    offender.isApart = false;
    this.apart -= 1;
  }

  /** Runs of so many ms were for nothing, because of the caller's values. */
  charge(caller: string, ms: number, now: Instant): void {
    const offender = this.#all.get(caller);
    if (offender !== undefined) offender.owedMs = owedAt(offender, now) + ms;
  }

  /** How far the caller's debt is above the limit, in ms; 0 or less: it is not. `meanRunMs`: of the model's runs. */
  overMs(caller: string, now: Instant, meanRunMs: number | undefined): number {
    const offender = this.#all.get(caller);
    if (offender === undefined) return 0;
    return owedAt(offender, now) - Math.max(MIN_RERUN_ADVANCE_MS, RERUN_ADVANCE_RUNS * (meanRunMs ?? 0));
  }

  #forgetFirst(): void {
    for (const [caller, { isApart }] of this.#all) {
      this.#all.delete(caller);
      if (isApart) this.apart -= 1;
      return;
    }
  }
}

function owedAt(offender: Offender, now: Instant): number {
  offender.owedMs = Math.max(0, offender.owedMs - RERUN_TIME_SHARE * (now - offender.paidAt));
  offender.paidAt = now;
  return offender.owedMs;
}
