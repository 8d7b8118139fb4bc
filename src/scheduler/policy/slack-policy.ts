/**
 * Earliest latest-start first, in batches as large as the head's deadline allows and as the traffic needs. Pure.
 *
 *                      now                latest start              due
 *   head of a lane      │◀──── slack ──────────▶│◀── high(b rows) ───▶│
 *
 * For each lane, in this order:
 * 1. a head that a run of its own would not finish in time is shed (`expired`): it would only make others late;
 * 2. b = the most rows with which the head is in time. If b is less than the arrivals need to be kept up with (the
 *    *sustain rule*), the head is shed (`early_drop`) and the next one asked: smaller and smaller batches for heads that
 *    are nearly late would lower the capacity until everything is late. Where dropping would leave no larger batch (a burst
 *    that is due all at once), what can be saved runs;
 * 3. no batch is longer than half of the tightest deadline beside it, where that is much tighter than its own: a request
 *    that comes just after its start could not be served otherwise. Unless that would cost too much throughput;
 * 4. an allowed size is gone up to by padding or down to by leaving rows, whichever costs less per row;
 * 5. it runs now, for an idle core earns nothing; but where other models want the same busy cores, a batch that has time
 *    waits for company as long as another arrival is due well before its latest start.
 *
 * Of the lanes that may run, the one whose latest start is earliest does. Soft work (no deadline) is never shed for being
 * late unless the queue stands (standing-queue.ts): then what is over its objective is shed and the newest goes first. It
 * takes no more company along than leaves those in time who ride with it and have a deadline.
 *
 * With `isSustaining: false` only 1 and the head's own deadline count: plain earliest deadline first, for comparison.
 */
import type { Instant } from '../../core/clock.ts';
import type { DispatchReason } from '../../telemetry/request-record.ts';
import type { BatchPolicy, Decision, QueueSnapshot, ShedReason, Situation, SlackFacts } from './batch-policy.ts';

export interface SlackPolicyOptions {
  /** TensorFlow Serving's: how long a lane that is not full may wait for company. 0 = only where it pays. */
  readonly batchTimeoutMicros?: number;
  /** Default true. */
  readonly isSustaining?: boolean;
}

/** From this load of the shared slots on, waiting for company pays. */
const WINDOW_LOAD = 0.85;
/** Of the time that the head was given: what a window leaves unused before the latest start. */
const WINDOW_RESERVE = 0.25;
/** How long a lane that gets many rows is left to fill before it is looked at again. */
const WINDOW_LOOK_MS = 5;
/** A deadline beside ours is "much tighter" below this share of ours, and then bounds a batch to half of itself. */
const TIGHT_SHARE = 0.5;

/** A bounded batch must get so much done per ms of what the unbounded one would. */
const CAP_KEEPS = 0.8;

const IDLE = { kind: 'idle' } as const;

const ALONE: Situation = {
  share: 1,
  isShared: false,
  load: 0,
  slotWaitMs: 0,
  tightestMs: Infinity,
  isStanding: false,
  overheadMs: 0,
};

export class SlackPolicy implements BatchPolicy {
  readonly #timeoutMs: number;
  readonly #isSustaining: boolean;
  /** What `#judge` found of a lane, beside its answer. */
  #rows = 0;
  #latestStart = 0;
  #wakeAt = 0;

  constructor(options: SlackPolicyOptions = {}) {
    this.#timeoutMs = (options.batchTimeoutMicros ?? 0) / 1000;
    this.#isSustaining = options.isSustaining ?? true;
  }

  decide<L extends SlackFacts>(snapshot: QueueSnapshot<L>, nowMs: Instant): Decision<L> {
    if (snapshot.freeSlots <= 0) return IDLE;
    const situation = snapshot.situation ?? ALONE;
    let chosen: L | undefined;
    let rows = 0;
    let latestStart = Infinity;
    let wakeAt = Infinity;
    for (const lane of snapshot.lanes) {
      const verdict = this.#judge(lane, situation, nowMs);
      if (verdict === 'wait') wakeAt = Math.min(wakeAt, this.#wakeAt);
      else if (verdict !== 'run') return { kind: 'shed', lane, reason: verdict };
      else if (chosen === undefined || this.#latestStart < latestStart) {
        chosen = lane;
        rows = this.#rows;
        latestStart = this.#latestStart;
      }
    }
    if (chosen === undefined) return wakeAt === Infinity ? IDLE : { kind: 'waitUntil', at: wakeAt };
    const kind = situation.isStanding && chosen.isHeadSoft ? 'runNewest' : 'run';
    return { kind, lane: chosen, rows, reason: this.#reason(chosen) };
  }

  #judge(lane: SlackFacts, situation: Situation, now: Instant): 'run' | 'wait' | ShedReason {
    const { latency, headRows, headDue, isHeadSoft } = lane;
    const want = Math.min(lane.queuedRows, lane.maxBatchSize);
    let rows = want;
    if (isHeadSoft) {
      if (situation.isStanding && headDue <= now && lane.queuedRows > lane.maxBatchSize) return 'standing_queue';
      rows = promisedRows(lane, situation, rows, now);
    } else if (latency.isKnown) {
      const budgetMs = headDue - now - situation.overheadMs;
      if (latency.meanMs(headRows) > budgetMs) return 'expired';
      rows = Math.max(headRows, Math.min(want, latency.rowsWithin(budgetMs, want)));
      if (rows < want && lane.queuedTasks > 1 && this.#isSustaining) {
        if (isDropWorth(lane, situation, rows, now)) return 'early_drop';
      }
    }
    if (this.#isSustaining) rows = Math.max(headRows, cappedRows(lane, situation, rows));
    rows = cheaperSize(lane, rows);
    this.#rows = rows;
    this.#latestStart = headDue - latency.highMs(rows) - situation.overheadMs;
    if (rows >= lane.maxBatchSize || rows < lane.queuedRows) return 'run';
    this.#wakeAt = Math.max(this.#timeoutEnd(lane), this.#windowEnd(lane, situation, now));
    return this.#wakeAt > now ? 'wait' : 'run';
  }

  /** When TensorFlow Serving's timeout lets the lane run; never after its latest start. */
  #timeoutEnd(lane: SlackFacts): Instant {
    if (this.#timeoutMs === 0) return -Infinity;
    const end = lane.oldestEnqueuedAt + this.#timeoutMs;
    return lane.isHeadSoft || !lane.latency.isKnown ? end : Math.min(end, this.#latestStart);
  }

  /** When to look again if waiting for one more arrival pays; −Infinity if it does not. */
  #windowEnd(lane: SlackFacts, situation: Situation, now: Instant): Instant {
    if (!this.#isSustaining || !situation.isShared || situation.load <= WINDOW_LOAD) return -Infinity;
    const arrivalRows = lane.arrivalRows(now);
    if (arrivalRows <= 0) return -Infinity;
    const gapMs = 1 / arrivalRows;
    const reserveMs = Math.max(WINDOW_RESERVE * (lane.headDue - lane.oldestEnqueuedAt), situation.slotWaitMs);
    const until = this.#latestStart - reserveMs;
    if (now + gapMs >= until) return -Infinity;
    // Not a look at each arrival: until it should be full, or for a while.
    const fullMs = (lane.maxBatchSize - lane.queuedRows) * gapMs;
    return Math.min(until, now + Math.max(gapMs, Math.min(fullMs, WINDOW_LOOK_MS)));
  }

  #reason(lane: SlackFacts): DispatchReason {
    if (lane.queuedRows >= lane.maxBatchSize) return 'full';
    return this.#timeoutMs > 0 ? 'timeout' : 'slot_free';
  }
}

/**
 * The least batch with which the lane's share of the slots keeps up with what is taken in; where none does, the one that
 * gets most rows done. Looked for among powers of two: between them the rate hardly changes.
 */
export function sustainableRows(lane: SlackFacts, { share }: Situation, now: Instant): number {
  const { latency, maxBatchSize } = lane;
  const arrivalRows = lane.arrivalRows(now);
  let best = maxBatchSize;
  let bestRate = 0;
  for (let rows = 1; ; rows = Math.min(maxBatchSize, rows * 2)) {
    const rate = rows / latency.meanMs(rows);
    if (share * rate >= arrivalRows) return rows;
    if (rate >= bestRate) {
      bestRate = rate;
      best = rows;
    }
    if (rows === maxBatchSize) return best;
  }
}

/**
 * `rows` are all that the head allows. Is it worth giving up for the larger batch that those behind it allow?
 *
 * Alone on its slots: if `rows` are fewer than the arrivals need. Beside others, while the slots are busy: if those given
 * up are fewer than what the slot gets done in the time that a run costs however small it is, for that is what the
 * second run would cost that the ones left behind need.
 */
function isDropWorth(lane: SlackFacts, situation: Situation, rows: number, now: Instant): boolean {
  const { latency, queuedRows, maxBatchSize } = lane;
  const isContended = situation.isShared && situation.load > WINDOW_LOAD;
  const want = Math.min(queuedRows, isContended ? maxBatchSize : sustainableRows(lane, situation, now));
  if (rows >= want) return false;
  const lost = lane.rowsDueBy(now + situation.overheadMs + latency.highMs(want));
  const kept = Math.min(maxBatchSize, queuedRows - lost);
  if (kept <= rows) return false;
  // With a full batch behind it, somebody is late whatever is done: then the larger batch makes fewer late.
  if (!isContended || kept === maxBatchSize) return true;
  return lost <= (kept / latency.meanMs(Math.ceil(kept))) * latency.meanMs(1);
}

/**
 * Of `rows` behind a head without a deadline: as many as keep the deadline that comes first among theirs. It rides with
 * those that are due before it, and what comes after them must not cost it. One that is lost already does not ride along.
 */
function promisedRows(lane: SlackFacts, { overheadMs }: Situation, rows: number, now: Instant): number {
  const { latency } = lane;
  const promise = latency.isKnown ? lane.firstPromise(rows) : undefined;
  if (promise === undefined) return rows;
  const budgetMs = promise.due - now - overheadMs;
  const least = promise.before + promise.rows;
  if (latency.meanMs(Math.min(least, lane.maxBatchSize)) > budgetMs) return promise.before;
  return Math.min(rows, Math.max(least, latency.rowsWithin(budgetMs, rows)));
}

function cappedRows(lane: SlackFacts, { tightestMs }: Situation, rows: number): number {
  const ownMs = lane.headDue - lane.oldestEnqueuedAt;
  if (!(tightestMs < TIGHT_SHARE * ownMs)) return rows;
  const { latency } = lane;
  const capped = Math.max(lane.headRows, latency.rowsWithin(tightestMs / 2, rows));
  // What the bound costs in throughput must not be more than the tight ones are worth.
  return capped / latency.meanMs(capped) >= CAP_KEEPS * (rows / latency.meanMs(rows)) ? capped : rows;
}

/** Padding up runs `rows` at the price of the next size; going down leaves some for the next batch. */
function cheaperSize({ sizes, latency, headRows }: SlackFacts, rows: number): number {
  let down = 0;
  for (const size of sizes) {
    if (size === rows) return rows;
    if (size > rows) {
      if (down < headRows || !latency.isKnown) return rows;
      return latency.meanMs(down) / down < latency.meanMs(size) / rows ? down : rows;
    }
    down = size;
  }
  return rows;
}
