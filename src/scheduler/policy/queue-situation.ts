/**
 * The facts that a policy may ask for about one queue's traffic and the other queues on its slots (Situation), and the
 * facts that the slots ask for about this queue. They are computed when asked for: most decisions need none.
 */
import type { Instant } from '../../core/clock.ts';
import type { CoreSlots } from '../cores/core-slots.ts';
import type { SlotTenant, Urgency } from '../cores/slot-tenant.ts';
import type { RunStatistics } from '../latency/run-statistics.ts';
import type { Lane } from '../queue/lane.ts';
import type { TaskQueue } from '../queue/task-queue.ts';
import { RecentMinimum } from '../rate-window.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { Task } from '../task.ts';
import { DEADLINE_SPAN_MS, MIN_STANDING_TARGET_MS, STANDING_AFTER_MS, STANDING_TARGET_SHARE } from '../tuning.ts';
import type { Situation } from './batch-policy.ts';

/** The dispatcher. */
interface Tenant extends SlotTenant {
  readonly slots: number;
}

/**
 * Detects a standing queue of work without deadlines, as CoDel does ("Controlling Queue Delay", ACM Queue 2012). A
 * burst is a queue that drains. A queue stands when its head has waited too long at every look for STANDING_AFTER_MS.
 * Only then is work refused and shed, and the newest served first: the old work is late anyway.
 *
 *   head's wait  ─────╱╲──╱───────╲───      above the target for 100 ms without a break ▸ standing
 *   target       ┈┈┈┈╱┈┈╲╱┈┈┈┈┈┈┈┈┈╲┈      one look below it ▸ over
 */
export class StandingQueue {
  /** The instant since which the head's wait has been above the target; Infinity = it is not above. */
  #aboveSince: Instant = Infinity;
  /** Only `look` and `clear` write it. */
  isStanding = false;

  /** The head has waited `waitedMs`. */
  look(waitedMs: number, objectiveMs: number, now: Instant): void {
    if (waitedMs <= Math.max(MIN_STANDING_TARGET_MS, STANDING_TARGET_SHARE * objectiveMs)) {
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

export class QueueSituation implements Situation {
  readonly #tenant: Tenant;
  readonly #slots: CoreSlots;
  readonly #statistics: RunStatistics;
  readonly #standing = new StandingQueue();
  readonly #tightest = new RecentMinimum(DEADLINE_SPAN_MS, 0);
  /** The instant of the decision: set before each. */
  now: Instant = 0;

  constructor(tenant: Tenant, slots: CoreSlots, statistics: RunStatistics) {
    this.#tenant = tenant;
    this.#slots = slots;
    this.#statistics = statistics;
  }

  get share(): number {
    const { slots } = this.#tenant;
    return this.#tenant.usesSlots ? this.#slots.shareOf(this.#tenant, slots, this.now) : slots;
  }

  get areCores(): boolean {
    return this.#tenant.usesSlots;
  }

  get isShared(): boolean {
    return this.#slots.isShared && this.#tenant.usesSlots;
  }

  get load(): number {
    return this.#slots.load(this.now);
  }

  get slotWaitMs(): number {
    return this.isShared ? this.#slots.urgentMs(this.now) : 0;
  }

  get tightestMs(): number {
    return this.isShared ? this.#slots.tightestMs(this.now) : this.#tightest.least(this.now);
  }

  get isStanding(): boolean {
    return this.#standing.isStanding;
  }

  get overheadMs(): number {
    return this.#statistics.overheadMs;
  }

  /** A client has set a deadline `ms` from now. */
  noteDeadline(ms: number, now: Instant): void {
    this.#tightest.add(ms, now);
    if (this.#tenant.usesSlots) this.#slots.noteDeadline(ms, now);
  }

  /** A batch is about to be taken; its head has no deadline. */
  lookAt(head: Task, plan: SignaturePlan, now: Instant): void {
    // A learned objective only orders the queue: nothing is refused for it, so that a burst of requests is served.
    if (plan.hasObjective) this.#standing.look(now - head.enqueuedAt, plan.objectiveMs, now);
  }

  /** Nothing waits. */
  onEmpty(): void {
    this.#standing.clear();
  }
}

const urgency = { priority: 0, latestStart: 0 };

/** The urgency of the lane that should start first; `overheadMs` as in Situation. The next call reuses the object. */
export function urgencyOf(queue: TaskQueue, overheadMs: number): Urgency {
  urgency.priority = Infinity;
  urgency.latestStart = Infinity;
  for (const lane of queue) {
    const head = lane.head!;
    const rows = Math.min(lane.queuedRows, lane.maxBatchSize);
    const latestStart = head.order - lane.latency.highMs(rows) - overheadMs;
    if (head.priority > urgency.priority) continue;
    if (head.priority === urgency.priority && latestStart >= urgency.latestStart) continue;
    urgency.priority = head.priority;
    urgency.latestStart = latestStart;
  }
  return urgency;
}

/** Worker time of what goes no later than `order`, in ms. */
export function workBefore(queue: TaskQueue, order: Instant): number {
  let work = queue.promised.msBefore(order);
  for (const lane of queue) work += laneWorkMs(lane, lane.rowsBefore({ order, isFirst: false }));
  return work;
}

/** Worker time of `rows` of a lane in ms: full batches and a rest. */
export function laneWorkMs({ plan: { curve }, maxBatchSize }: Lane, rows: number): number {
  const rest = rows % maxBatchSize;
  const full = (rows - rest) / maxBatchSize;
  return (full > 0 ? full * curve.meanMs(maxBatchSize) : 0) + (rest > 0 ? curve.meanMs(Math.ceil(rest)) : 0);
}
