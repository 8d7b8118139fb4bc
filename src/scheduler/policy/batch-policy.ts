/**
 * The interface of a policy, which decides what runs next, and the greedy policy. A policy is a pure function of a
 * snapshot of the queue, so that it can be tested with tables and compared with another on the same snapshots.
 *
 * The dispatcher asks whenever something may have changed (tasks came, a slot came free, the instant of an earlier
 * `waitUntil` has passed), and asks again while the answer is `run` or `shed`.
 *
 * The policy that predicts is slack-policy.ts.
 */
import type { Instant } from '../../core/clock.ts';
import type { DispatchReason } from '../../ledger/request-record.ts';
import type { LatencyView } from '../latency/latency-curve.ts';

/** The facts about a lane that every policy may use. Lanes in a snapshot hold at least one task. */
export interface LaneFacts {
  readonly queuedRows: number;
  readonly queuedTasks: number;
  /** When the head came. */
  readonly oldestEnqueuedAt: Instant;
  /** Most rows in one run of this lane. */
  readonly maxBatchSize: number;
}

/** A request that waits and has a deadline that its client set. */
export interface QueuedDeadline {
  readonly due: Instant;
  readonly rows: number;
  /** Rows that go before it. */
  readonly before: number;
}

/** The facts that a policy with predictions may use besides. */
export interface SlackFacts extends LaneFacts {
  /** Most rows that a run should have: `maxBatchSize`, or fewer where more are not worth it. The head may have more. */
  mostRows(): number;
  /** Rows of a run that is to be compared with one of `mostRows` (batch/efficient-batch-size.ts); 0 = none is. */
  rowsToTry(now: Instant): number;
  readonly headRows: number;
  /** The head's deadline, or its objective where it is soft. */
  readonly headDue: Instant;
  /** The head's place: the lower goes first, also between lanes. Mostly `headDue`. */
  readonly headOrder: Instant;
  /** The head's client set no deadline: a late answer is still wanted. */
  readonly isHeadSoft: boolean;
  /** The head is not shed for the sake of larger runs, because of its caller (callers/precedence.ts). */
  readonly isHeadSpared: boolean;
  /** The approximate number of rows that go no later than the place. */
  rowsBefore(place: { readonly order: Instant; readonly isFirst: boolean }): number;
  /** The earliest deadline that a client set, among the first `rows`; undefined = there is none. */
  firstDeadline(rows: number): QueuedDeadline | undefined;
  /** Rows of its signature that came per ms lately, refused ones included. */
  arrivalRows(now: Instant): number;
  readonly latency: LatencyView;
  /** Sizes that a run may have, ascending; empty = any. */
  readonly sizes: readonly number[];
}

export interface QueueSnapshot<L extends LaneFacts> {
  /** Batches that could start now. */
  readonly freeSlots: number;
  readonly lanes: Iterable<L>;
  /** Absent: this queue has its slots to itself, and its traffic is unknown. */
  readonly situation?: Situation;
}

/** The queue's traffic and the other queues on the same slots. */
export interface Situation {
  /** How many slots this queue may count on. */
  readonly share: number;
  /** Each slot is a core, or several. False: a device or another server computes what the slots run. */
  readonly areCores: boolean;
  /** Other queues use the same slots. */
  readonly isShared: boolean;
  /** How busy the shared slots have been lately, 0 to 1. */
  readonly load: number;
  /** How long before its latest start a batch may find every slot taken by other queues' runs. */
  readonly slotWaitMs: number;
  /** The shortest deadline that clients on these slots set lately; Infinity = none was set. */
  readonly tightestMs: number;
  /** Work without deadlines has waited beyond its objective for some time. */
  readonly isStanding: boolean;
  /** Time of a request beside its run: before the start, and from the end until its answer is sent. */
  readonly overheadMs: number;
}

/** Why a task is shed, that is, refused while it waits: a closed set, for metrics and spans. */
export type ShedReason = 'expired' | 'early_drop' | 'standing_queue';

export type Decision<L extends LaneFacts> =
  /** Start a run of `lane` now: from the head on, as many tasks as fit whole into `rows`. The head always fits. */
  | { readonly kind: 'run'; readonly lane: L; readonly rows: number; readonly reason: DispatchReason }
  /** The same, but from the newest task on: the newest may still be answered within the objective. */
  | { readonly kind: 'runNewest'; readonly lane: L; readonly rows: number; readonly reason: DispatchReason }
  /** Refuse the head of `lane` now, then ask again. */
  | { readonly kind: 'shed'; readonly lane: L; readonly reason: ShedReason }
  /** Start nothing before `at` unless something changes. */
  | { readonly kind: 'waitUntil'; readonly at: Instant }
  /** Nothing can start until something changes. */
  | { readonly kind: 'idle' };

export interface BatchPolicy {
  decide<L extends SlackFacts>(snapshot: QueueSnapshot<L>, nowMs: Instant): Decision<L>;
}

const IDLE = { kind: 'idle' } as const;

/**
 * Work-conserving: a free slot takes the lane whose head has waited longest, and as many of its rows as fit. No lane
 * starves, since a head only grows older.
 *
 * `batchTimeoutMicros` above 0 has TensorFlow Serving's meaning: a lane may run when it is full or its head is older
 * than that. Until then it waits although a slot is free; other lanes may run meanwhile.
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
