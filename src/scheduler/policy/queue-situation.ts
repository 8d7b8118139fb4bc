/**
 * What a policy may ask of one queue's traffic and neighbours (batch-policy.ts, Situation), and what the neighbours may
 * ask of it. Answers are worked out when they are asked for: most decisions need none.
 */
import type { Instant } from '../../core/clock.ts';
import type { CoreSlots } from '../cores/core-slots.ts';
import type { SlotTenant, Urgency } from '../cores/slot-tenant.ts';
import type { RunStatistics } from '../latency/run-statistics.ts';
import type { TaskQueue } from '../queue/task-queue.ts';
import { RecentMinimum } from '../rate-window.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { Task } from '../task.ts';
import type { Situation } from './batch-policy.ts';
import { StandingQueue } from './standing-queue.ts';

/** The dispatcher, as far as this needs it. */
interface Tenant extends SlotTenant {
  readonly slots: number;
}

const TIGHTEST_SPAN_MS = 500;

export class QueueSituation implements Situation {
  readonly #tenant: Tenant;
  readonly #slots: CoreSlots;
  readonly #statistics: RunStatistics;
  readonly #standing = new StandingQueue();
  readonly #tightest = new RecentMinimum(TIGHTEST_SPAN_MS, 0);
  /** When it is asked: set before each decision. */
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

  /** A client has given its request so long. */
  noteDeadline(ms: number, now: Instant): void {
    this.#tightest.add(ms, now);
    if (this.#tenant.usesSlots) this.#slots.noteDeadline(ms, now);
  }

  /** A batch is about to be taken from behind this head, which has no deadline. */
  lookAt(head: Task, plan: SignaturePlan, now: Instant): void {
    // A learned objective only orders. A client that set no deadline, of a model without an objective, waits as long as it
    // takes: a burst of a thousand requests is no mistake.
    if (plan.hasObjective) this.#standing.look(now - head.enqueuedAt, plan.objectiveMs, now);
  }

  /** Nothing waits. */
  onEmpty(): void {
    this.#standing.clear();
  }
}

const urgency = { priority: 0, latestStart: 0 };

/** Of the lane that should start first; `overheadMs` as in Situation. The object is used again by the next call. */
export function urgencyOf(queue: TaskQueue, overheadMs: number): Urgency {
  urgency.priority = Infinity;
  urgency.latestStart = Infinity;
  for (const lane of queue.lanes()) {
    const head = lane.head!;
    const rows = Math.min(lane.queuedRows, lane.maxBatchSize);
    const latestStart = head.due - lane.latency.highMs(rows) - overheadMs;
    if (head.priority > urgency.priority) continue;
    if (head.priority === urgency.priority && latestStart >= urgency.latestStart) continue;
    urgency.priority = head.priority;
    urgency.latestStart = latestStart;
  }
  return urgency;
}

/** Worker time of what waits and is due by then, in ms: full batches and a rest, for each lane. */
export function workDueBy(queue: TaskQueue, due: Instant): number {
  let work = 0;
  for (const lane of queue.lanes()) {
    const rows = lane.rowsDueBy(due);
    const rest = rows % lane.maxBatchSize;
    const full = (rows - rest) / lane.maxBatchSize;
    if (full > 0) work += full * lane.latency.meanMs(lane.maxBatchSize);
    if (rest > 0) work += lane.latency.meanMs(Math.ceil(rest));
  }
  return work;
}
