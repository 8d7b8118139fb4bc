/**
 * Gives the last refusal again to a request that would get it, too, without a forecast and before it is decoded. Under
 * overload nearly all requests of a millisecond would be refused in the same words.
 *
 *   submit ─▶ admission ─ refused ─▶ onRefused: what was refused, and what then waited and ran
 *   refusalOf ─▶ still so? ─ yes ─▶ the same error, of a few that differ in the delay to retry after
 *                    └ no ─▶ undefined: submit it
 *
 * A request is refused here only if admission would refuse it now, or would have within the last REFUSAL_MS:
 *
 * - Of a request that is not decoded, the rows are not known. So only the refusal of one row is given again, and only
 *   where more rows would not be answered sooner.
 * - predicted_late: an answer was expected at an instant. None behind it in the queue is expected sooner, so that every
 *   deadline from the refused one to that instant is too early.
 * - deadline_too_short: no more of the deadline is left than was then.
 * - standing_queue: it still stands, for longer than the request has time, and it is due no earlier.
 * - queue_full: it still is, beyond the caller's fair share.
 * - Its caller was refused lately, and its requests do not go first now (callers/holdings.ts).
 * - No task has come to wait or left, and as many batches run. No probe is due. There is nobody that it could evict.
 * - None of what waits may start. For a request that is beyond the queue's limit, by its rows or its caller's, admission
 *   starts it first, and forecasts with fewer rows ahead than for one that is not.
 *
 * It counts as the requests that admission refuses do, with one row.
 */
import type { Instant } from '../core/clock.ts';
import { ServingError, SharedError } from '../core/errors.ts';
import { Priority } from '../core/priority.ts';
import type { Admission } from './admission/admission.ts';
import { mostWaitingRows } from './admission/backlog.ts';
import type { LatenessFacts } from './admission/lateness-forecast.ts';
import type { SharedRefusals } from './admission/shared-refusals.ts';
import { NO_CALLER, type QuarantinedCallers } from './batch/quarantined-callers.ts';
import type { Holding } from './callers/holdings.ts';
import { goesFirst } from './callers/precedence.ts';
import { isProbeDue } from './latency/run-statistics.ts';
import type { Lane } from './queue/lane.ts';
import type { SignaturePlan } from './signature-plan.ts';
import type { TaskContext } from './task.ts';
import { CALLER_SPAN_MS, MAX_CALLERS, REFUSAL_MS, SAME_DEADLINE_MS } from './tuning.ts';

/** Half of the time after which the caller table may forget a caller, and then counts its requests anew. */
const KEEP_CALLERS_MS = CALLER_SPAN_MS / 2;

/** The parts of a scheduler that a refusal depends on. */
export interface RefusalGateOptions extends LatenessFacts {
  readonly quarantined: QuarantinedCallers;
  /** See SchedulerOptions. If set, refusals depend on the caller's use of the cores, and none is given again. */
  readonly callerCoreShare: number;
  readonly refusals: SharedRefusals;
  readonly admission: Pick<Admission, 'lateMs' | 'expectedStart' | 'hasMoved'>;
}

/** A refusal of one row of a signature. */
interface Refusal {
  readonly at: Instant;
  /** The tasks that had come, those that waited, and the batches that ran at that moment. */
  readonly cameTasks: number;
  readonly queuedTasks: number;
  readonly runningBatches: number;
  /** The request would be refused for the same reason. */
  readonly isFor: (plan: SignaturePlan, context: TaskContext, holding: Holding, now: Instant) => boolean;
  /** There is too much to do; else it is the model that takes too long. */
  readonly isOverload: boolean;
  /** Its answer would have been late. Absent = false. */
  readonly isLate?: boolean;
  /** Makes an error with the same text; its retry delay may differ. */
  readonly again: () => SharedError;
}

type Reason = Pick<Refusal, 'isFor' | 'isOverload' | 'isLate' | 'again'>;

export class RefusalGate {
  readonly #options: RefusalGateOptions;
  /** The last one of each signature. */
  readonly #refusals = new Map<SignaturePlan, Refusal>();
  /** Callers that were refused since #callersSince. */
  readonly #callers = new Map<string, Holding>();
  #callersSince: Instant = -Infinity;

  constructor(options: RefusalGateOptions) {
    this.#options = options;
  }

  /** Admission has thrown `error` for a request of `rows`. */
  onRefused(error: unknown, lane: Lane, rows: number, context: TaskContext, holding: Holding, now: Instant): void {
    if (rows !== 1 || !(error instanceof ServingError) || !isUsual(lane)) return;
    const reason = this.#reasonOf(error, lane, context, now);
    if (reason === undefined) return;
    const { queue, dispatcher, admission } = this.#options;
    if (admission.hasMoved) return;
    const { cameTasks, queuedTasks } = queue;
    const { runningBatches } = dispatcher;
    this.#refusals.set(lane.plan, { ...reason, at: now, cameTasks, queuedTasks, runningBatches });
    if (now - this.#callersSince > KEEP_CALLERS_MS || this.#callers.size >= MAX_CALLERS) {
      this.#callers.clear();
      this.#callersSince = now;
    }
    this.#callers.set(context.caller ?? NO_CALLER, holding);
  }

  /**
   * The refusal of a request for all outputs of the signature, which has any number of rows but 0; undefined: submit it.
   * A request that gets one has been counted.
   */
  refusalOf(plan: SignaturePlan, context: TaskContext, now: Instant): SharedError | undefined {
    const refusal = this.#refusals.get(plan);
    if (refusal === undefined || !(now - refusal.at < REFUSAL_MS) || !this.#isUnchanged(refusal, context, now)) {
      return undefined;
    }
    const holding = this.#callers.get(context.caller ?? NO_CALLER);
    if (holding === undefined) return undefined;
    if (!refusal.isFor(plan, context, holding, now)) return undefined;
    this.#count(plan, refusal, context, holding, now);
    return refusal.again();
  }

  #reasonOf(error: ServingError, lane: Lane, context: TaskContext, now: Instant): Reason | undefined {
    const reason = error.attributes?.['reason'];
    if (reason === 'queue_full') {
      const isFor: Refusal['isFor'] = (plan, _context, holding) => this.#isStillFull(plan, holding);
      return { isFor, isOverload: true, again: always(error) };
    }
    if (context.hasOwnDeadline === false) return undefined;
    if (reason === 'deadline_too_short') return this.#tooShort(error, context.deadline - now);
    if (reason === 'standing_queue') return this.#standing(lane, context.deadline);
    return reason === 'predicted_late' ? this.#late(lane, context.deadline, now) : undefined;
  }

  /** A request behind one for which too many rows wait finds no fewer. */
  #standing({ latency, maxBatchSize }: Lane, from: Instant): Reason {
    const { queue, dispatcher, refusals } = this.#options;
    const isFor: Refusal['isFor'] = (plan, { deadline, hasOwnDeadline }, holding, at) => {
      if (deadline < from || hasOwnDeadline === false || isProbeDue(plan, at)) return false;
      const mostRows = mostWaitingRows(dispatcher.slots, plan.maxBatchSize);
      if (plan.backlog.isWithinShare(holding.rows + 1, mostRows, queue.holdings.callersWith(holding))) return false;
      if (goesFirst(this.#options, holding, 1, plan.maxBatchSize, at)) return false;
      return plan.backlog.isOver(Infinity, mostRows, deadline - at, at);
    };
    const runMs = latency.meanMs(maxBatchSize);
    return { isFor, isOverload: true, again: () => refusals.standing(runMs) };
  }

  #tooShort(error: ServingError, leftMs: number): Reason | undefined {
    const isFor: Refusal['isFor'] = (plan, { deadline, hasOwnDeadline }, _holding, at) => {
      const isShort = deadline - at <= leftMs && deadline - at > leftMs - SAME_DEADLINE_MS;
      return isShort && hasOwnDeadline !== false && !isProbeDue(plan, at);
    };
    return { isFor, isOverload: false, again: always(error) };
  }

  #late(lane: Lane, from: Instant, now: Instant): Reason | undefined {
    const { lateMs, expectedStart } = this.#options.admission;
    const surelyLateMs = lateMs - this.#leadMs(lane, expectedStart - now - REFUSAL_MS, now);
    if (!(surelyLateMs > 0)) return undefined;
    const until = from + Math.min(surelyLateMs, SAME_DEADLINE_MS);
    const isFor: Refusal['isFor'] = (plan, { deadline, hasOwnDeadline }, holding, at) => {
      const isLate = deadline >= from && deadline < until;
      return (
        isLate &&
        hasOwnDeadline !== false &&
        !isProbeDue(plan, at) &&
        !goesFirst(this.#options, holding, 1, plan.maxBatchSize, at)
      );
    };
    return { isFor, isOverload: true, isLate: true, again: () => this.#options.refusals.predictedLate(lateMs, false) };
  }

  /**
   * How much earlier than that of one row the answer to more rows could be expected, at most: those that do not fit into
   * its batch are in a later one, which may be shorter, and in which at least those are that come within `waitMs`.
   */
  #leadMs({ plan, latency, maxBatchSize }: Lane, waitMs: number, now: Instant): number {
    const { dispatcher } = this.#options;
    const fullMs = latency.highMs(maxBatchSize);
    // Rows that come later are counted in fractions, so hardly any of them need be in the later batch.
    const coming = Math.floor(plan.arrivals.perMs(now) * Math.max(0, waitMs));
    // If there is one slot, the later batch starts behind the full one.
    const laterMs = dispatcher.slots <= 1 ? latency.meanMs(maxBatchSize) : 0;
    return Math.max(0, fullMs - laterMs - latency.highMs(Math.max(1, Math.min(maxBatchSize, coming))));
  }

  #isUnchanged(
    { cameTasks, queuedTasks, runningBatches }: Refusal,
    { priority = Priority.default }: TaskContext,
    now: Instant,
  ): boolean {
    const { queue, dispatcher, quarantined, callerCoreShare } = this.#options;
    // A task that has come gives the next one another place, even if it has left.
    if (queue.cameTasks !== cameTasks || queue.queuedTasks !== queuedTasks) return false;
    if (dispatcher.runningBatches !== runningBatches) return false;
    // If the queue is full for this request, admission starts what it can and then looks at the rest.
    if (dispatcher.mayStart(now)) return false;
    if (quarantined.count > 0 || callerCoreShare > 0) return false;
    return queue.sheddableTasks === 0 || priority >= Priority.sheddable;
  }

  #isStillFull({ queuedRows, maxQueuedRows }: SignaturePlan, holding: Holding): boolean {
    if (queuedRows === 0 || queuedRows + 1 <= maxQueuedRows) return false;
    return holding.rows + 1 > maxQueuedRows / this.#options.queue.holdings.callersWith(holding);
  }

  #count(
    plan: SignaturePlan,
    { isOverload, isLate = false }: Refusal,
    { deadline, hasOwnDeadline }: TaskContext,
    { use }: Holding,
    now: Instant,
  ): void {
    const { slots, dispatcher } = this.#options;
    use.requests += 1;
    use.lastAt = now;
    plan.arrivals.add(1, now);
    if (hasOwnDeadline !== false && deadline < Infinity) dispatcher.situation.noteDeadline(deadline - now, now);
    if (isLate) plan.refused.noteAgain(deadline, now);
    if (!isOverload) return;
    slots.onRefusal(now);
    slots.callers.onRefusal(use, now);
  }
}

/** The same error each time. */
function always(error: ServingError): () => SharedError {
  let shared: SharedError | undefined;
  return () => {
    shared ??= new SharedError(error);
    return shared;
  };
}

/** The lane of nearly all requests of its signature: those with its shapes, for all of its outputs. */
function isUsual({ plan, isOdd, quarantined, wholeSize, outputs }: Lane): boolean {
  if (isOdd || quarantined !== undefined || outputs.length !== plan.signature.outputs.size) return false;
  if (plan.isWhole ? wholeSize !== 1 : wholeSize !== undefined || !plan.hasFixedRows) return false;
  let i = 0;
  for (const name of plan.signature.outputs.keys()) if (outputs[i++] !== name) return false;
  return true;
}
