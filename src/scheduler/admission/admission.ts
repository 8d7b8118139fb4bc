/**
 * Decides, before a request is queued, whether it may wait. A request that could not be answered in time is refused
 * now, while its client can still do something else, and costs no run.
 *
 *   core share ▸ rows ▸ bytes ▸ deadline or objective ▸ forecast ▸ in time: a ticket
 *                                             └ late ▸ nothing has run for long: admitted as a probe
 *                                                    ▸ the run alone takes longer than the deadline: deadline_exceeded
 *                                                    ▸ sheddable requests in front are evicted, if that helps
 *                                                    ▸ else overloaded, with a delay to retry after
 *
 * What other callers have waiting neither refuses a caller within its fair share nor makes it late (callers/holdings.ts):
 * a request of a caller that is sparse beside a crowd, or light beside one that takes most of the cores, goes before all
 * that wait. Without a deadline a request goes as much later as its caller's own rows take that wait already, and the
 * parts of a large one as much later as the parts before them take. A caller alone notices nothing of this.
 *
 * A request without a deadline is due at the model's objective. The objective orders it; it refuses it only if it was
 * configured, and only while the queue stands (policy/queue-situation.ts). The server's own cap is not a deadline.
 */
import type { Instant } from '../../core/clock.ts';
import { Priority } from '../../core/priority.ts';
import type { Holding } from '../callers/holdings.ts';
import type { CoreSlots } from '../cores/core-slots.ts';
import type { Dispatcher } from '../dispatcher.ts';
import { isProbeDue, type RunStatistics } from '../latency/run-statistics.ts';
import { laneWorkMs } from '../policy/queue-situation.ts';
import type { Lane, Place } from '../queue/lane.ts';
import type { Ticket } from '../queue/pending-request.ts';
import {
  deadlineTooShort,
  evicted,
  memoryFull,
  overCoreShare,
  overloaded,
  predictedLate,
} from '../queue/queue-errors.ts';
import type { TaskQueue } from '../queue/task-queue.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { Task, TaskContext } from '../task.ts';
import {
  DEFAULT_RETRY_AFTER_MS,
  LATE_START_SHARE,
  MAX_FORECAST_LANES,
  RETRY_JITTER_SHARE,
  SPARE_BYTES_SHARE,
} from '../tuning.ts';
import { Forecast } from './forecast.ts';

export interface AdmissionOptions {
  readonly queue: TaskQueue;
  readonly dispatcher: Dispatcher;
  readonly slots: CoreSlots;
  readonly statistics: RunStatistics;
  /** Bytes of inputs that may wait, over all models. */
  readonly maxQueuedBytes: number;
  /** As in SchedulerOptions; 0 = no limit. */
  readonly callerCoreShare: number;
  /** False: requests are refused for capacity only. */
  readonly isPredicting: boolean;
  /** Deadlines order the lane. */
  readonly isByDeadline: boolean;
  /** 0 to 1: spreads the retries of clients that were refused together. */
  readonly random: () => number;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #forecast = new Forecast();
  /** The result of `admit`: one object, read before the next call. */
  readonly #ticket: Ticket = {
    enqueuedAt: 0,
    due: 0,
    order: 0,
    isFirst: false,
    isSoft: false,
    expectedStart: 0,
    expectedEnd: 0,
    partMs: 0,
  };

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Throws ServingError (overloaded, deadline_exceeded). A request that is run whole has 1 row. */
  admit(lane: Lane, rows: number, context: TaskContext, holding: Holding, now: Instant): Ticket {
    const { plan } = lane;
    const { isByDeadline, isPredicting } = this.#options;
    // Refused requests count too; else batches that are too small, and so cause refusals, would look large enough.
    plan.arrivals.add(rows, now);
    this.#checkCoreShare(holding, now);
    this.#checkRows(lane, rows, context, holding, now);
    this.#checkBytes(lane, rows, context, holding, now);
    const ticket = this.#ticket;
    ticket.enqueuedAt = now;
    ticket.due = now;
    ticket.order = now;
    ticket.isFirst = false;
    ticket.isSoft = false;
    ticket.expectedStart = 0;
    ticket.expectedEnd = 0;
    ticket.partMs = 0;
    if (!isByDeadline) return ticket;
    const { deadline } = context;
    ticket.isSoft = deadline === Infinity || context.hasOwnDeadline === false;
    ticket.due = ticket.isSoft ? Math.min(deadline, now + plan.objectiveMs) : deadline;
    if (!ticket.isSoft) this.#options.dispatcher.situation.noteDeadline(deadline - now, now);
    this.#setOrder(lane, rows, holding, now);
    const mustAsk = !ticket.isSoft || this.#options.dispatcher.situation.isStanding;
    if (isPredicting && mustAsk && plan.curve.isKnown) this.#checkFinish(lane, rows, context, holding, now);
    return ticket;
  }

  /** The request of `rows` waits in the lane. */
  onQueued({ plan }: Lane, rows: number, holding: Holding, now: Instant): void {
    const { queue, isByDeadline } = this.#options;
    if (isByDeadline && queue.holdings.hasBecomeCrowd(holding, rows, plan.maxBatchSize)) queue.passCrowd(holding, now);
  }

  /** Where it goes, among all that wait. */
  #setOrder({ plan, maxBatchSize }: Lane, rows: number, holding: Holding, now: Instant): void {
    const { queue, dispatcher } = this.#options;
    const ticket = this.#ticket;
    ticket.order = ticket.due;
    ticket.isFirst = queue.queuedTasks > 0 && this.#goesFirst(holding, rows, maxBatchSize, now);
    if (!ticket.isFirst && (rows <= maxBatchSize || !ticket.isSoft)) return;
    if (plan.curve.isKnown) ticket.partMs = plan.curve.meanMs(maxBatchSize) / Math.max(1, dispatcher.slots);
    if (!ticket.isFirst) return;
    plan.overtaking.add(rows, now);
    ticket.order = now + (holding.rows / maxBatchSize) * ticket.partMs;
  }

  #goesFirst(holding: Holding, rows: number, maxBatchSize: number, now: Instant): boolean {
    const { queue, slots } = this.#options;
    if (queue.holdings.isSparse(holding, rows, maxBatchSize)) return true;
    return holding.rows + rows <= maxBatchSize && slots.callers.isLight(holding.use, slots.total, now);
  }

  #checkCoreShare({ use, rows }: Holding, now: Instant): void {
    const { callerCoreShare, slots, queue } = this.#options;
    if (callerCoreShare === 0) return;
    const share = use.cores(now) / slots.total;
    if (!(share > callerCoreShare)) return;
    if (queue.queuedRows <= rows && !slots.callers.wasOtherRefused(use, now)) return;
    throw overCoreShare(share, callerCoreShare);
  }

  /** Dispatches first: requests of this turn may still fit into free slots. */
  #checkRows(lane: Lane, rows: number, context: TaskContext, holding: Holding, now: Instant): void {
    const { plan } = lane;
    if (!isOver(plan, rows)) return;
    const { dispatcher, queue } = this.#options;
    if (holding.rows + rows <= plan.maxQueuedRows / queue.holdings.callersWith(holding)) return;
    dispatcher.dispatch();
    while (isOver(plan, rows) && this.#evictOne(context, Infinity, plan));
    if (!isOver(plan, rows)) return;
    this.#onRefusal(holding, now);
    throw overloaded(plan, rows, this.#retryAfterMs(plan));
  }

  #checkBytes({ plan, rowBytes }: Lane, rows: number, context: TaskContext, holding: Holding, now: Instant): void {
    const { slots, maxQueuedBytes, dispatcher, queue } = this.#options;
    const bytes = rows * rowBytes;
    if (slots.queuedBytes + bytes <= maxQueuedBytes || slots.queuedBytes === 0) return;
    const spare = SPARE_BYTES_SHARE * maxQueuedBytes;
    const isSpare = slots.queuedBytes + bytes <= maxQueuedBytes + spare;
    if (isSpare && holding.bytes + bytes <= spare / queue.holdings.callersWith(holding)) return;
    dispatcher.dispatch();
    while (slots.queuedBytes + bytes > maxQueuedBytes && this.#evictOne(context, Infinity, undefined));
    if (slots.queuedBytes + bytes <= maxQueuedBytes || slots.queuedBytes === 0) return;
    this.#onRefusal(holding, now);
    throw memoryFull(slots.queuedBytes, maxQueuedBytes, this.#retryAfterMs(plan));
  }

  #checkFinish(lane: Lane, rows: number, context: TaskContext, holding: Holding, now: Instant): void {
    const ticket = this.#ticket;
    const { plan } = lane;
    let lateMs = this.#lateMs(lane, rows, now);
    if (!(lateMs > 0)) return;
    const budgetMs = ticket.due - now;
    if (isProbeDue(plan, now)) {
      // A probe runs whatever its forecast says.
      plan.probedAt = now;
      ticket.isSoft = true;
      return;
    }
    const aloneMs = this.#aloneMs(lane, rows);
    if (!ticket.isSoft && aloneMs > budgetMs) throw deadlineTooShort(rows, budgetMs, aloneMs);
    while (lateMs > 0 && this.#evictOne(context, ticket.order, plan)) lateMs = this.#lateMs(lane, rows, now);
    if (!(lateMs > 0)) return;
    this.#onRefusal(holding, now);
    throw predictedLate(this.#forecast.finish - now, lateMs, this.#jittered(lateMs), ticket.isSoft);
  }

  /** How late the answer would be, in ms; 0 or less = in time. `#forecast` keeps the details. */
  #lateMs(lane: Lane, rows: number, now: Instant): number {
    const { dispatcher, statistics, slots, queue } = this.#options;
    const { plan, latency, maxBatchSize } = lane;
    const ticket = this.#ticket;
    const forecast = this.#forecast;
    const isOnShared = dispatcher.usesSlots && dispatcher.slots === slots.total;
    const othersMs = dispatcher.usesSlots ? slots.othersWorkMs(dispatcher, ticket.order, now) : 0;
    forecast.ask({
      now,
      uses: isOnShared ? slots.uses : dispatcher.uses,
      slots: Math.max(1, dispatcher.slots),
      latency,
      maxBatchSize,
      aheadRows: this.#aheadRows(lane, now),
      rows,
      arrivalRows: plan.arrivals.perMs(now),
      othersMs: othersMs + otherLanesMs(queue, lane, ticket),
      overheadMs: statistics.overheadMs,
      aroundMs: statistics.aroundMs,
    });
    ticket.expectedStart = forecast.start;
    ticket.expectedEnd = forecast.finish;
    // An idle server refuses only what a run alone cannot do in time.
    if (forecast.start <= now && rows <= maxBatchSize) return now + this.#aloneMs(lane, rows) - ticket.due;
    const reserveMs = statistics.reserveMs(forecast.start - now, latency.meanMs(maxBatchSize));
    return forecast.finish + LATE_START_SHARE * statistics.lateStartMs + reserveMs - ticket.due;
  }

  /** Rows that go before the request: those that wait, and those that should overtake it meanwhile, as many did lately. */
  #aheadRows(lane: Lane, now: Instant): number {
    const { plan, latency, maxBatchSize } = lane;
    const ticket = this.#ticket;
    const waiting = lane.rowsBefore(ticket);
    if (ticket.isFirst) return waiting;
    const rowMs = latency.meanMs(maxBatchSize) / (maxBatchSize * Math.max(1, this.#options.dispatcher.slots));
    return waiting + plan.overtaking.perMs(now) * Math.min(waiting * rowMs, Math.max(0, ticket.due - now));
  }

  #aloneMs({ latency, maxBatchSize }: Lane, rows: number): number {
    const { dispatcher, statistics } = this.#options;
    const rest = rows % maxBatchSize;
    const full = (rows - rest) / maxBatchSize;
    const fullRounds = Math.ceil(full / Math.max(1, dispatcher.slots));
    const ms = fullRounds * latency.meanMs(maxBatchSize) + (full === 0 ? latency.meanMs(Math.max(1, rest)) : 0);
    return ms + statistics.overheadMs;
  }

  #onRefusal({ use }: Holding, now: Instant): void {
    const { slots } = this.#options;
    slots.onRefusal(now);
    slots.callers.onRefusal(use, now);
  }

  /** Evicts the sheddable request that goes last before `order`, for a more important one. False = there is none. */
  #evictOne(context: TaskContext, order: Instant, plan: SignaturePlan | undefined): boolean {
    const { queue } = this.#options;
    if (queue.sheddableTasks === 0 || (context.priority ?? Priority.default) >= Priority.sheddable) return false;
    let last: Task | undefined;
    for (const lane of queue) {
      if (plan !== undefined && lane.plan !== plan) continue;
      for (const task of lane.tasks()) {
        if (task.priority !== Priority.sheddable || task.order > order) continue;
        if (last === undefined || task.order >= last.order) last = task;
      }
    }
    last?.owner.fail(evicted(this.#retryAfterMs(last.lane!.plan)));
    return last !== undefined;
  }

  /** When the batches that wait should have run, if they take as long as the last ones. */
  #retryAfterMs(plan: SignaturePlan): number {
    const { dispatcher, statistics } = this.#options;
    const { meanRunMs } = statistics;
    if (meanRunMs === undefined) return DEFAULT_RETRY_AFTER_MS;
    const ahead = Math.ceil(plan.queuedRows / plan.maxBatchSize) + dispatcher.runningBatches;
    return Math.max(1, Math.ceil((meanRunMs * ahead) / Math.max(1, dispatcher.slots)));
  }

  #jittered(ms: number): number {
    return Math.max(1, Math.ceil(ms * (1 + RETRY_JITTER_SHARE * this.#options.random())));
  }
}

function isOver(plan: SignaturePlan, rows: number): boolean {
  return plan.queuedRows > 0 && plan.queuedRows + rows > plan.maxQueuedRows;
}

/** Worker time in ms of the model's other lanes that goes before the request: they share its slots, but no batch. */
function otherLanesMs(queue: TaskQueue, own: Lane, place: Place): number {
  if (queue.laneCount <= 1) return 0;
  let ms = 0;
  let seen = 0;
  for (const lane of queue) {
    // The lanes of other callers that are kept apart yield.
    if (lane === own || (lane.apart !== undefined && lane.apart !== own.apart)) continue;
    if (seen === MAX_FORECAST_LANES) break;
    seen += 1;
    ms += laneWorkMs(lane, Math.ceil(lane.rowsBefore(place)));
  }
  return seen === 0 ? 0 : (ms * (queue.laneCount - 1)) / seen;
}
