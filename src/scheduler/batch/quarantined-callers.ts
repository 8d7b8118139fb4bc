/**
 * The callers that have sent values which a model cannot take: their requests wait in lanes of their own for a while,
 * so that no other caller's request shares a batch with them. Each pays for the runs that its values cost.
 *
 *   blamed ─▶ quarantined ─ a batch of its own was answered after the hold ─▶ together with the others
 *               ▲ └ blamed again: the hold begins again                          │
 *               └───────────────── blamed again: the hold is twice as long ◀─────┘ …until it is forgotten
 *
 *   debt  ▲ a run that failed, or was needed to find a fault, adds its length
 *         │ time takes off RERUN_TIME_SHARE of what has passed
 *         └ above the limit the caller's requests yield to those of all others
 *
 * So such a caller costs the others RERUN_TIME_SHARE of one worker's time, and the limit once. Bounded: the caller that
 * was blamed longest ago is forgotten when there are too many. Durations in ms.
 */
import type { Instant } from '../../core/clock.ts';
import {
  FIRST_HOLD_MS,
  MAX_HOLD_MS,
  MAX_QUARANTINED_CALLERS,
  MIN_RERUN_ADVANCE_MS,
  RERUN_ADVANCE_RUNS,
  RERUN_TIME_SHARE,
} from '../tuning.ts';

/** All requests without a caller. */
export const NO_CALLER = '';

interface CallerRecord {
  owedMs: number;
  /** The instant up to which payments are counted. */
  paidAt: Instant;
  isQuarantined: boolean;
  holdMs: number;
  holdUntil: Instant;
}

/** A caller that behaved for so many holds begins anew. */
const FORGIVEN_HOLDS = 10;

export class QuarantinedCallers {
  /** The records by caller; the one that was blamed last is at the end. */
  readonly #all = new Map<string, CallerRecord>();
  /** Callers that are in quarantine now. */
  count = 0;

  /** Callers that are remembered. */
  get size(): number {
    return this.#all.size;
  }

  has(caller: string): boolean {
    return this.#all.get(caller)?.isQuarantined === true;
  }

  /** The caller's values were found at fault. True: it was not in quarantine before. */
  blame(caller: string, now: Instant): boolean {
    const known = this.#all.get(caller);
    const record = known ?? { owedMs: 0, paidAt: now, isQuarantined: false, holdMs: 0, holdUntil: now };
    if (known !== undefined) this.#all.delete(caller);
    else if (this.#all.size === MAX_QUARANTINED_CALLERS) this.#forgetFirst();
    this.#all.set(caller, record);
    const isNew = !record.isQuarantined;
    if (isNew) {
      const isAnew = record.holdMs === 0 || now - record.holdUntil > FORGIVEN_HOLDS * record.holdMs;
      record.holdMs = isAnew ? FIRST_HOLD_MS : Math.min(MAX_HOLD_MS, 2 * record.holdMs);
      record.isQuarantined = true;
      this.count += 1;
    }
    record.holdUntil = now + record.holdMs;
    return isNew;
  }

  /** A batch of the caller's requests alone was answered. */
  onAnswered(caller: string, now: Instant): void {
    const record = this.#all.get(caller);
    if (record?.isQuarantined !== true || now < record.holdUntil) return;
    record.isQuarantined = false;
    this.count -= 1;
  }

  /** Runs of so many ms were for nothing, because of the caller's values. */
  charge(caller: string, ms: number, now: Instant): void {
    const record = this.#all.get(caller);
    if (record !== undefined) record.owedMs = owedAt(record, now) + ms;
  }

  /** How far the caller's debt is above the limit, in ms; 0 or less: it is not. `meanRunMs`: of the model's runs. */
  overMs(caller: string, now: Instant, meanRunMs: number | undefined): number {
    const record = this.#all.get(caller);
    if (record === undefined) return 0;
    return owedAt(record, now) - Math.max(MIN_RERUN_ADVANCE_MS, RERUN_ADVANCE_RUNS * (meanRunMs ?? 0));
  }

  #forgetFirst(): void {
    for (const [caller, { isQuarantined }] of this.#all) {
      this.#all.delete(caller);
      if (isQuarantined) this.count -= 1;
      return;
    }
  }
}

function owedAt(record: CallerRecord, now: Instant): number {
  record.owedMs = Math.max(0, record.owedMs - RERUN_TIME_SHARE * (now - record.paidAt));
  record.paidAt = now;
  return record.owedMs;
}
