/**
 * Runs the lane whose latest start is earliest, in batches as large as the head's deadline allows. Pure.
 *
 *                      now                latest start              due
 *   head of a lane      │◀──── slack ──────────▶│◀── high(b rows) ───▶│
 *
 * For each lane, in this order:
 * 1. a head that would be late even if it ran alone is shed (`expired`): it would only make others late;
 * 2. b = the most rows with which the head is in time. If b is too small to keep up with the arrivals (the *sustain
 *    rule*), the head is shed (`early_drop`) and the next head is looked at. Ever smaller batches for heads that are
 *    nearly late would lower the capacity until everything is late. So is a head whose small run would make more of those
 *    behind it late than it answers. If shedding would leave no larger batch (a burst that is due all at once), b rows
 *    run;
 * 3. where a deadline on the same slots is much tighter than the lane's own, no batch is longer than half of it: a
 *    request that comes just after the batch's start could not be in time otherwise. Not where that costs too much
 *    throughput;
 * 4. no batch has more rows than are worth it (batch/efficient-batch-size.ts), as far as the head allows;
 * 5. the batch is padded up to an allowed size or cut down to one, whichever costs less per row;
 * 6. several free cores divide what waits, where a run of all would be long;
 * 7. it runs now. But where other models want the same busy slots, a batch with time to spare waits for more rows while
 *    the next arrival is expected well before its latest start.
 *
 * Soft work (no deadline) is shed only while the queue stands (queue-situation.ts): then work that is over its
 * objective is shed, and the newest goes first. A batch behind a soft head takes only as many rows as keep the first
 * deadline among them.
 *
 * With `isSustaining: false` only 1 and the head's own deadline apply: plain earliest deadline first, for comparison.
 */
import type { Instant } from '../../core/clock.ts';
import type { DispatchReason } from '../../ledger/request-record.ts';
import {
  EFFICIENT_SIZE_SHORT_RUN_MS,
  EFFICIENT_SIZE_SPARE_RUNS,
  TIGHT_DEADLINE_SHARE,
  TIGHT_RUN_SHARE,
  TIGHT_THROUGHPUT_SHARE,
  WINDOW_LOAD,
  WINDOW_RECHECK_MS,
  WINDOW_RESERVE_SHARE,
} from '../tuning.ts';
import type { BatchPolicy, Decision, QueueSnapshot, ShedReason, Situation, SlackFacts } from './batch-policy.ts';

export interface SlackPolicyOptions {
  /** TensorFlow Serving's: how long a lane that is not full may wait for more rows. 0 = only where rule 7 says so. */
  readonly batchTimeoutMicros?: number;
  /** Default true. */
  readonly isSustaining?: boolean;
}

const IDLE = { kind: 'idle' } as const;

const ALONE: Situation = {
  share: 1,
  areCores: true,
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
  /** Further results of `#judge`. */
  #rows = 0;
  #mostRows = 0;
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
    let mostRows = 0;
    let latestStart = Infinity;
    let wakeAt = Infinity;
    for (const lane of snapshot.lanes) {
      const verdict = this.#judge(lane, situation, snapshot.freeSlots, nowMs);
      if (verdict === 'wait') wakeAt = Math.min(wakeAt, this.#wakeAt);
      else if (verdict !== 'run') return { kind: 'shed', lane, reason: verdict };
      else if (chosen === undefined || this.#latestStart < latestStart) {
        chosen = lane;
        rows = this.#rows;
        mostRows = this.#mostRows;
        latestStart = this.#latestStart;
      }
    }
    if (chosen === undefined) return wakeAt === Infinity ? IDLE : { kind: 'waitUntil', at: wakeAt };
    const { freeSlots } = snapshot;
    if (freeSlots > 1 && this.#mayDivide(situation)) rows = dividedRows(chosen, rows, freeSlots);
    const kind = situation.isStanding && chosen.isHeadSoft ? 'runNewest' : 'run';
    return { kind, lane: chosen, rows, reason: this.#reason(chosen, mostRows) };
  }

  /** A batch timeout asks for full batches: a part of one would leave the rest to wait for it. */
  #mayDivide(situation: Situation): boolean {
    return this.#isSustaining && this.#timeoutMs === 0 && situation.areCores && !areSharedSlotsBusy(situation);
  }

  #judge(lane: SlackFacts, situation: Situation, freeSlots: number, now: Instant): 'run' | 'wait' | ShedReason {
    const { latency, headRows, headDue, headOrder, isHeadSoft } = lane;
    const usual = lane.mostRows();
    const tried = lane.rowsToTry(now);
    const mostRows = tried > 0 && mayTry(lane, tried, situation, now) ? tried : usual;
    const want = Math.min(lane.queuedRows, mostRows);
    let rows = want;
    if (isHeadSoft) {
      if (situation.isStanding && headDue <= now && lane.queuedRows > lane.maxBatchSize) return 'standing_queue';
      rows = rowsInTime(lane, situation, rows, now);
    } else if (latency.isKnown) {
      const budgetMs = headDue - now - situation.overheadMs;
      if (latency.meanMs(headRows) > budgetMs) return 'expired';
      rows = Math.max(headRows, Math.min(want, latency.rowsWithin(budgetMs, want)));
      if (rows < want && lane.queuedTasks > 1 && this.#isSustaining && !lane.isHeadSpared) {
        if (isDropWorth(lane, situation, rows, now)) return 'early_drop';
        // Those behind it go to another free slot.
        if (freeSlots === 1 && isInTheWay(lane, situation, rows, now)) return 'early_drop';
      }
    }
    if (this.#isSustaining) rows = Math.max(headRows, boundedRows(lane, situation, rows));
    rows = cheaperSize(lane, rows);
    this.#rows = rows;
    this.#mostRows = usual;
    this.#latestStart = headOrder - latency.highMs(rows) - situation.overheadMs;
    if (rows >= mostRows || rows < lane.queuedRows) return 'run';
    this.#wakeAt = Math.max(this.#timeoutEnd(lane), this.#windowEnd(lane, situation, now));
    return this.#wakeAt > now ? 'wait' : 'run';
  }

  /** When TensorFlow Serving's timeout lets the lane run; well before its latest start, for a timer fires after its time. */
  #timeoutEnd(lane: SlackFacts): Instant {
    if (this.#timeoutMs === 0) return -Infinity;
    const end = lane.oldestEnqueuedAt + this.#timeoutMs;
    if (lane.isHeadSoft || !lane.latency.isKnown) return end;
    return Math.min(end, this.#latestStart - reserveMs(lane));
  }

  /** When to look again if the lane should wait for more rows; −Infinity if it should not. */
  #windowEnd(lane: SlackFacts, situation: Situation, now: Instant): Instant {
    if (!this.#isSustaining || !areSharedSlotsBusy(situation)) return -Infinity;
    const arrivalRows = lane.arrivalRows(now);
    if (arrivalRows <= 0) return -Infinity;
    const gapMs = 1 / arrivalRows;
    const until = this.#latestStart - Math.max(reserveMs(lane), situation.slotWaitMs);
    if (now + gapMs >= until) return -Infinity;
    // It does not look at each arrival, but when the lane should be full, or after a while.
    const fullMs = (lane.mostRows() - lane.queuedRows) * gapMs;
    return Math.min(until, now + Math.max(gapMs, Math.min(fullMs, WINDOW_RECHECK_MS)));
  }

  #reason(lane: SlackFacts, mostRows: number): DispatchReason {
    if (lane.queuedRows >= mostRows) return mostRows < lane.maxBatchSize ? 'enough' : 'full';
    return this.#timeoutMs > 0 ? 'timeout' : 'slot_free';
  }
}

/** The head is in time with a larger run; it has time for several of a smaller one. */
function mayTry(lane: SlackFacts, tried: number, { overheadMs }: Situation, now: Instant): boolean {
  const runs = tried > lane.mostRows() ? 1 : EFFICIENT_SIZE_SPARE_RUNS;
  return lane.isHeadSoft || lane.headDue - now - overheadMs >= runs * lane.latency.meanMs(tried);
}

/**
 * Waiting rows are divided among the free cores where a run of all is long: it would leave cores idle meanwhile. Busy ones
 * that models share come free by themselves, and full batches take less of them. A device, or another server, computes
 * all of its runs by itself, and full ones in less time.
 */
function dividedRows(lane: SlackFacts, rows: number, freeSlots: number): number {
  const share = Math.max(lane.headRows, Math.ceil(lane.queuedRows / freeSlots));
  return share >= rows || lane.latency.meanMs(rows) <= EFFICIENT_SIZE_SHORT_RUN_MS ? rows : cheaperSize(lane, share);
}

/** Other queues use the same slots, and those are busy. */
function areSharedSlotsBusy(situation: Situation): boolean {
  return situation.isShared && situation.load > WINDOW_LOAD;
}

/** The part of the head's time that waiting leaves unused, in ms. */
function reserveMs({ headDue, oldestEnqueuedAt }: SlackFacts): number {
  return WINDOW_RESERVE_SHARE * (headDue - oldestEnqueuedAt);
}

/**
 * The smallest batch with which the lane's share of the slots keeps up with the arrivals; if none does, the batch with
 * the highest throughput. Only powers of two are tried: between them the throughput hardly changes.
 */
function sustainableRows(lane: SlackFacts, { share }: Situation, now: Instant): number {
  const { latency } = lane;
  const mostRows = lane.mostRows();
  const arrivalRows = lane.arrivalRows(now);
  let best = mostRows;
  let bestRate = 0;
  for (let rows = 1; ; rows = Math.min(mostRows, rows * 2)) {
    const rate = rows / latency.meanMs(rows);
    if (share * rate >= arrivalRows) return rows;
    if (rate >= bestRate) {
      bestRate = rate;
      best = rows;
    }
    if (rows === mostRows) return best;
  }
}

/**
 * The head allows a batch of `rows`. Is it better to shed it for the larger batch that the tasks behind it allow?
 *
 * Alone on its slots: if `rows` are fewer than the arrivals need. Beside other models, while the slots are busy: if
 * fewer rows are lost than a slot completes in the time of a run of one row, because keeping them would cost a second
 * run.
 */
function isDropWorth(lane: SlackFacts, situation: Situation, rows: number, now: Instant): boolean {
  const { latency, queuedRows } = lane;
  const mostRows = lane.mostRows();
  const isBusy = areSharedSlotsBusy(situation);
  const want = Math.min(queuedRows, isBusy ? mostRows : sustainableRows(lane, situation, now));
  if (rows >= want) return false;
  const lost = rowsTooLate(lane, situation, want, now);
  const kept = Math.min(mostRows, queuedRows - lost);
  if (kept <= rows) return false;
  // If a full batch waits behind it, some request will be late in any case: the larger batch makes fewer late.
  if (!isBusy || kept === mostRows) return true;
  return lost <= (kept / latency.meanMs(Math.ceil(kept))) * latency.meanMs(1);
}

/**
 * The head allows a batch of `rows`, and those behind it a larger one, on slots that others leave free: more of them would
 * be late for waiting for the small run than it answers. A burst comes faster than the rate of arrivals tells.
 */
function isInTheWay(lane: SlackFacts, situation: Situation, rows: number, now: Instant): boolean {
  if (areSharedSlotsBusy(situation)) return false;
  const { queuedRows } = lane;
  const want = Math.min(queuedRows, lane.mostRows());
  const lost = rowsTooLate(lane, situation, want, now);
  if (Math.min(want, queuedRows - lost) <= rows) return false;
  return rowsTooLate(lane, situation, want, now + lane.latency.meanMs(rows)) - lost > rows;
}

/** Rows of the lane that are due before a run of `want` that starts at `start` has probably been answered. */
function rowsTooLate(lane: SlackFacts, { overheadMs }: Situation, want: number, start: Instant): number {
  return lane.rowsBefore({ order: start + overheadMs + lane.latency.highMs(want), isFirst: false });
}

/**
 * How many of `rows` to run behind a head without a deadline: as many as keep the first deadline among them. The
 * request with that deadline runs with those that are due before it. If it will be late in any case, it is left out.
 */
function rowsInTime(lane: SlackFacts, { overheadMs }: Situation, rows: number, now: Instant): number {
  const { latency } = lane;
  const first = latency.isKnown ? lane.firstDeadline(rows) : undefined;
  if (first === undefined) return rows;
  const budgetMs = first.due - now - overheadMs;
  const least = first.before + first.rows;
  if (latency.meanMs(Math.min(least, lane.mostRows())) > budgetMs) return first.before;
  return Math.min(rows, Math.max(least, latency.rowsWithin(budgetMs, rows)));
}

/** Applies rule 3. */
function boundedRows(lane: SlackFacts, { tightestMs }: Situation, rows: number): number {
  const ownMs = lane.headDue - lane.oldestEnqueuedAt;
  if (!(tightestMs < TIGHT_DEADLINE_SHARE * ownMs)) return rows;
  const { latency } = lane;
  const bounded = Math.max(lane.headRows, latency.rowsWithin(TIGHT_RUN_SHARE * tightestMs, rows));
  const isWorth = bounded / latency.meanMs(bounded) >= TIGHT_THROUGHPUT_SHARE * (rows / latency.meanMs(rows));
  return isWorth ? bounded : rows;
}

/** Padding up runs `rows` at the price of the next size; going down leaves some rows for the next batch. */
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
