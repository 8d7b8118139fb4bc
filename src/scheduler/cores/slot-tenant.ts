/** The dispatchers that share the slots (core-slots.ts), and their batches, as far as the slots need to know them. */
import type { Instant } from '../../core/clock.ts';
import { RateWindow } from '../rate-window.ts';
import { BUSY_SPAN_MS, MEAN_WEIGHT } from '../tuning.ts';

/** The urgency of a tenant's most urgent lane. */
export interface Urgency {
  /** Priority class of the head: lower goes first. */
  readonly priority: number;
  readonly latestStart: Instant;
}

/** One model version's dispatcher. */
export interface SlotTenant {
  readonly queuedTasks: number;
  /** Its batches take shared slots; those of an executor on the event loop do not. */
  readonly usesSlots: boolean;
  /** Most batches that it may run at once. */
  readonly slots: number;
  /** Threads that one of its runs takes. */
  readonly threads: number;
  readonly usage: SlotUsage;
  /** Its policy waits for more rows, and no lane has become full since. */
  isWaiting(now: Instant): boolean;
  /** Called only while something waits. The tenant reuses the object. */
  urgency(): Urgency;
  /** Starts one batch if its policy wants to and its executor can; false = not now. */
  startOne(): boolean;
  /** Core time of the tasks that go no later than `order`, in ms. */
  workBefore(order: Instant): number;
}

/** A batch that runs, or was given to a worker to run next. */
export interface ExpectedRun {
  readonly expectedEnd: Instant;
  /** The batch whose slot it takes; undefined once it has begun. */
  readonly after?: ExpectedRun | undefined;
  /** The batch that takes its slot. */
  readonly next?: ExpectedRun | undefined;
}

export interface SlotUse extends ExpectedRun {
  /** Threads that it takes. */
  readonly threads: number;
  /** When it took its slot, and the slots' run time until then (`CoreSlots.besideOf`); only the slots write these. */
  takenAt: Instant;
  runMsBefore: number;
}

/** The slots' bookkeeping about one tenant. */
export class SlotUsage {
  readonly weight: number;
  /** Core time over weight, in ms. */
  virtualMs = 0;
  /** Core ms per ms lately. */
  readonly busy: RateWindow;
  /** The time that its runs take in the runtime itself, summed over them, in ms per ms lately; and its moving mean. */
  readonly computing: RateWindow;
  computeMs = 0;
  /** The last answer of `CoreSlots.passingShare`, and when it was computed. */
  passingShare = 0;
  passingAt: Instant = -Infinity;
  /** The last answer of `CoreSlots.othersWorkMs`, when it was computed, and for which order. */
  othersWorkMs = 0;
  askedAt: Instant = -Infinity;
  askedOrder: Instant = -Infinity;
  /** It started nothing in the current pass. */
  isPassed = false;

  constructor(weight: number, now: Instant) {
    this.weight = weight;
    this.busy = new RateWindow(BUSY_SPAN_MS, now);
    this.computing = new RateWindow(BUSY_SPAN_MS, now);
  }

  /** A run has succeeded, in which the runtime computed for so long. */
  onRun(computeMs: number, now: Instant): void {
    this.computing.add(computeMs, now);
    this.computeMs += MEAN_WEIGHT * (computeMs - this.computeMs);
  }
}
