/**
 * What runs next, as a pure function of what waits: no clock, no timer, no list is touched here, so that a policy is
 * tested as a table and compared with another on the same snapshots.
 *
 * The dispatcher asks whenever something may have changed (tasks came, a slot came free, the instant of an earlier
 * `waitUntil` has passed) and asks again until the answer is not `run`.
 *
 * Another policy takes this one's place by implementing BatchPolicy; the one that predicts is slack-policy.ts.
 */
import type { Instant } from '../../core/clock.ts';
import type { DispatchReason } from '../../telemetry/request-record.ts';
import type { LatencyView } from '../latency/latency-curve.ts';

/** What a policy may know of a lane. Lanes in a snapshot hold at least one task. */
export interface LaneFacts {
  readonly queuedRows: number;
  readonly queuedTasks: number;
  /** When the head task came. */
  readonly oldestEnqueuedAt: Instant;
  /** Most rows in one run of this lane. */
  readonly maxBatchSize: number;
}

/** A request that waits and has a deadline of its client's. */
export interface QueuedPromise {
  readonly due: Instant;
  readonly rows: number;
  /** Rows that go before it. */
  readonly before: number;
}

/** What a policy that predicts may know besides. */
export interface SlackFacts extends LaneFacts {
  readonly headRows: number;
  /** When the head is wanted: its deadline, or the objective where it is soft. */
  readonly headDue: Instant;
  /** Late is still wanted: its client set no deadline. */
  readonly isHeadSoft: boolean;
  /** About how many rows wait that are due no later than `due`. */
  rowsDueBy(due: Instant): number;
  /** Of those among the first `rows` whose client set a deadline, the one that is due first; undefined = there is none. */
  firstPromise(rows: number): QueuedPromise | undefined;
  /** Rows that came per ms lately, of its signature, refused ones too. */
  arrivalRows(now: Instant): number;
  readonly latency: LatencyView;
  /** Sizes that a run may have, ascending; empty = any. */
  readonly sizes: readonly number[];
}

export interface QueueSnapshot<L extends LaneFacts> {
  /** Batches that could start now. */
  readonly freeSlots: number;
  readonly lanes: Iterable<L>;
  /** Absent: this queue has its slots to itself, and nothing is known of its traffic. */
  readonly situation?: Situation;
}

/** What the queue's traffic and its neighbours are like. */
export interface Situation {
  /** Slots' worth of time that this queue may count on. */
  readonly share: number;
  /** Other queues use the same slots. */
  readonly isShared: boolean;
  /** How busy the shared slots have been lately, 0 to 1. */
  readonly load: number;
  /** How long before its latest start a batch may find every slot taken by others' runs. */
  readonly slotWaitMs: number;
  /** The shortest time that clients on these slots gave their requests lately; Infinity = none gave any. */
  readonly tightestMs: number;
  /** Work without deadlines has waited beyond its objective for some time. */
  readonly isStanding: boolean;
  /** What passes between a run's end and its answers being on their way, and before its start. */
  readonly overheadMs: number;
}

/** Why a task is given up before it ran: a closed set, for metrics and spans. */
export type ShedReason = 'expired' | 'early_drop' | 'standing_queue';

export type Decision<L extends LaneFacts> =
  /** Start a run of `lane` now: its tasks from the head on, as many as fit whole into `rows` (the head always does). */
  | { readonly kind: 'run'; readonly lane: L; readonly rows: number; readonly reason: DispatchReason }
  /** The same, but the newest tasks first: those that may still be answered within the objective. */
  | { readonly kind: 'runNewest'; readonly lane: L; readonly rows: number; readonly reason: DispatchReason }
  /** Refuse the head of `lane` now; ask again then. */
  | { readonly kind: 'shed'; readonly lane: L; readonly reason: ShedReason }
  /** Start nothing before `at` unless something changes; ask again then. */
  | { readonly kind: 'waitUntil'; readonly at: Instant }
  /** Nothing can start until something changes. */
  | { readonly kind: 'idle' };

export interface BatchPolicy {
  decide<L extends SlackFacts>(snapshot: QueueSnapshot<L>, nowMs: Instant): Decision<L>;
}

const IDLE = { kind: 'idle' } as const;

/**
 * Work-conserving: a free slot takes the lane whose head has waited longest and as many of its rows as fit. No lane
 * starves, since a head only grows older.
 *
 * With `batchTimeoutMicros` > 0, TensorFlow Serving's meaning: a lane may run when it is full or when its head is older
 * than that; a lane that is neither waits although a slot is free, and does not hold back a lane that may run.
 */
export class GreedyPolicy implements BatchPolicy {
  readonly #timeoutMs: number;

  constructor(batchTimeoutMicros: number) {
    this.#timeoutMs = batchTimeoutMicros / 1000;
  }

  decide<L extends LaneFacts>(snapshot: QueueSnapshot<L>, nowMs: Instant): Decision<L> {
    if (snapshot.freeSlots <= 0) return IDLE;
    let chosen: L | undefined;
    let wakeAt = Infinity;
    for (const lane of snapshot.lanes) {
      const dueAt = isFull(lane) ? -Infinity : lane.oldestEnqueuedAt + this.#timeoutMs;
      if (dueAt > nowMs) wakeAt = Math.min(wakeAt, dueAt);
      else if (chosen === undefined || lane.oldestEnqueuedAt < chosen.oldestEnqueuedAt) chosen = lane;
    }
    if (chosen === undefined) return wakeAt === Infinity ? IDLE : { kind: 'waitUntil', at: wakeAt };
    const rows = Math.min(chosen.queuedRows, chosen.maxBatchSize);
    return { kind: 'run', lane: chosen, rows, reason: this.#reason(chosen) };
  }

  #reason(lane: LaneFacts): DispatchReason {
    if (isFull(lane)) return 'full';
    return this.#timeoutMs > 0 ? 'timeout' : 'slot_free';
  }
}

function isFull(lane: LaneFacts): boolean {
  return lane.queuedRows >= lane.maxBatchSize;
}
