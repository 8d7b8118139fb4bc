/**
 * What runs next, as a pure function of what waits: no clock, no timer, no list is touched here, so that a policy is
 * tested as a table and compared with another on the same snapshots.
 *
 * The dispatcher asks whenever something may have changed (tasks came, a slot came free, the instant of an earlier
 * `waitUntil` has passed) and asks again until the answer is not `run`.
 *
 * Another policy takes this one's place by implementing BatchPolicy. A decision of kind `shed` (refuse these tasks now:
 * they cannot be ready in time) will join the union with the first policy that predicts; the dispatcher's switch is
 * checked for completeness, so it cannot be forgotten there.
 */
import type { Instant } from '../core/clock.ts';
import type { DispatchReason } from '../telemetry/request-record.ts';

/** What a policy may know of a lane. Lanes in a snapshot hold at least one task. */
export interface LaneFacts {
  readonly queuedRows: number;
  readonly queuedTasks: number;
  /** When the head task came. */
  readonly oldestEnqueuedAt: Instant;
  /** Most rows in one run of this lane. */
  readonly maxBatchSize: number;
}

export interface QueueSnapshot<L extends LaneFacts> {
  /** Batches that could start now. */
  readonly freeSlots: number;
  readonly lanes: Iterable<L>;
}

export type Decision<L extends LaneFacts> =
  /** Start a run of `lane` now: its tasks from the head on, as many as fit whole into `rows` (the head always does). */
  | { readonly kind: 'run'; readonly lane: L; readonly rows: number; readonly reason: DispatchReason }
  /** Start nothing before `at` unless something changes; ask again then. */
  | { readonly kind: 'waitUntil'; readonly at: Instant }
  /** Nothing can start until something changes. */
  | { readonly kind: 'idle' };

export interface BatchPolicy {
  decide<L extends LaneFacts>(snapshot: QueueSnapshot<L>, nowMs: Instant): Decision<L>;
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
