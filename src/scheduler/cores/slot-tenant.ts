/** Who shares the slots (core-slots.ts), as far as those need to know: a model version's dispatcher, and what it runs. */
import type { Instant } from '../../core/clock.ts';
import { RateWindow } from '../rate-window.ts';

/** Over how long "lately" goes where slots are said to be busy. */
export const BUSY_SPAN_MS = 250;

/** What a tenant's most urgent lane is like. */
export interface Urgency {
  /** Class of the head: lower goes first. */
  readonly priority: number;
  readonly latestStart: Instant;
}

/** One model version's dispatcher. */
export interface SlotTenant {
  readonly queuedTasks: number;
  /** It takes slots from here; an executor on the event loop does not. */
  readonly usesSlots: boolean;
  readonly usage: SlotUsage;
  /** Its policy has said until when it starts nothing, and nothing has come since that would fill a batch. */
  isWaiting(now: Instant): boolean;
  /** Of what waits; called only while something does. The object is the tenant's to use again. */
  urgency(): Urgency;
  /** Starts one batch if its policy wants to and its executor can; false = not now. */
  startOne(): boolean;
  /** Worker time of what waits and is due by then, in ms. */
  workDueBy(due: Instant): number;
}

/** A batch that runs, or is given to a worker to run next: when it should end. */
export interface SlotUse {
  readonly expectedEnd: Instant;
  /** It has not begun: it takes this one's slot when it ends. */
  readonly after?: SlotUse | undefined;
  /** What takes its slot when it ends. */
  readonly next?: SlotUse | undefined;
}

/** What one tenant has used. */
export class SlotUsage {
  readonly weight: number;
  /** Worker time over weight, in ms. */
  virtualMs = 0;
  /** Worker ms per ms lately. */
  readonly busy: RateWindow;
  /** What goes before its requests, when it last asked, and for what due. CoreSlots' own. */
  othersWorkMs = 0;
  askedAt: Instant = -Infinity;
  askedDue: Instant = -Infinity;
  /** Did not want to start anything in the pass that is under way. */
  isPassed = false;

  constructor(weight: number, now: Instant) {
    this.weight = weight;
    this.busy = new RateWindow(BUSY_SPAN_MS, now);
  }
}
