/**
 * Decides, before a request is queued, whether it may wait. A request that could not be answered in time is refused
 * now, while its client can still do something else, and costs no run.
 *
 *   core share ▸ rows ▸ bytes ▸ deadline or objective ▸ backlog ▸ forecast ▸ in time: a ticket
 *                                             └ late ▸ nothing has run for long: admitted as a probe
 *                                                    ▸ the run alone takes longer than the deadline: deadline_exceeded
 *                                                    ▸ sheddable requests in front are evicted, if that helps
 *                                                    ▸ else overloaded, with a delay to retry after
 *
 * The waiting rows of others neither refuse a caller within its fair share nor make it late (callers/holdings.ts):
 * a request of a caller that is sparse beside a crowd, or light beside one that takes most of the cores, goes before all
 * that wait. Without a deadline a request goes as much later as its caller's own rows take that wait already, and the
 * parts of a large one as much later as the parts before them take. A caller alone notices nothing of this.
 *
 * A request without a deadline is due at the model's objective. The objective orders it; it refuses it only if it was
 * configured, and only while the queue stands (policy/queue-situation.ts). The server's own cap is not a deadline.
 */
import type { Instant } from '../../core/clock.ts';
import type { Executor } from '../../core/executor.ts';
import type { Holding } from '../callers/holdings.ts';
import { goesFirst, LightCallers, passCrowd } from '../callers/precedence.ts';
import type { LatenessMargin } from '../latency/lateness-margin.ts';
import { isProbeDue } from '../latency/run-statistics.ts';
import type { Lane } from '../queue/lane.ts';
import { deadlineTooShort } from '../queue/queue-errors.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import { NO_FORECAST, type TaskContext, type Ticket } from '../task.ts';
import { mostWaitingRows } from './backlog.ts';
import { Evictions } from './evictions.ts';
import { LatenessForecast } from './lateness-forecast.ts';
import { mayBeProbe, type PartedWork } from './parted-work.ts';
import { QueueRoom, type QueueRoomOptions } from './queue-room.ts';
import type { SharedRefusals } from './shared-refusals.ts';

export interface AdmissionOptions extends QueueRoomOptions {
  readonly executor: Pick<Executor, 'grow'>;
  /** False: requests are refused for capacity only. */
  readonly isPredicting: boolean;
  /** Deadlines order the lane. */
  readonly isByDeadline: boolean;
  readonly refusals: SharedRefusals;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #forecast: LatenessForecast;
  readonly #lightCallers: LightCallers;
  readonly #evictions: Evictions;
  readonly #room: QueueRoom;
  #lateMs = 0;
  /** The result of `admit`: one object, read before the next call. */
  readonly #ticket: Ticket = {
    enqueuedAt: 0,
    due: 0,
    order: 0,
    isFirst: false,
    isSoft: false,
    ...NO_FORECAST,
    expectedEnd: 0,
    partMs: 0,
  };

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#lightCallers = new LightCallers(options);
    this.#forecast = new LatenessForecast(options);
    this.#evictions = new Evictions(options);
    this.#room = new QueueRoom(options, this.#evictions, (...refused) => this.#onRefusal(...refused));
  }

  /** The last refusal let others go first: what was forecast for it holds for no other request. */
  hasMoved = false;

  /** How late the answer to the last request would have been that was refused as predicted_late. */
  get lateMs(): number {
    return this.#lateMs;
  }

  /** When the batch of the request that was forecast last should start. */
  get expectedStart(): Instant {
    return this.#forecast.start;
  }

  /** Throws ServingError (overloaded, deadline_exceeded). A request that is run whole has 1 row. */
  admit(lane: Lane, rows: number, context: TaskContext, holding: Holding, now: Instant): Ticket {
    const { plan } = lane;
    const { isByDeadline, isPredicting, queue, dispatcher } = this.#options;
    // Refused requests count too; else batches that are too small, and so cause refusals, would look large enough.
    if (context.admitted === undefined) plan.arrivals.add(rows, now);
    this.#checkRoom(lane, rows, context, holding, now);
    const ticket = this.#newTicket(plan, context, now);
    if (!isByDeadline) return ticket;
    if (queue.queuedTasks > 0 || rows > lane.maxBatchSize)
      this.#setOrder(lane, rows, context.admitted === undefined, holding, now);
    if (context.admitted !== undefined) return ticket;
    const mustAsk = !ticket.isSoft || dispatcher.situation.isStanding;
    if (isPredicting && mustAsk && plan.curve.isKnown) this.#checkFinish(lane, rows, context, holding, now);
    return ticket;
  }

  /**
   * Like `admit`, for a request that comes in parts: all of it must be answered in time, and its first run needs room. The
   * lane is that of its last part. Here the server's own cap is a deadline: work of many runs may well take longer.
   */
  admitParted(lane: Lane, work: PartedWork, context: TaskContext, holding: Holding, now: Instant): Ticket {
    const { plan } = lane;
    const { isByDeadline, isPredicting, queue, dispatcher } = this.#options;
    plan.arrivals.add(work.rows, now);
    this.#checkRoom(lane, Math.min(work.rows, lane.maxBatchSize), context, holding, now);
    const ticket = this.#newTicket(plan, context, now);
    if (!isByDeadline || !isPredicting || !plan.curve.isKnown) return ticket;
    ticket.isFirst = queue.queuedTasks > 0 && goesFirst(this.#options, holding, work.rows, lane.maxBatchSize, now);
    const { isSoft } = ticket;
    const { deadline } = context;
    const isCapped = isSoft && !dispatcher.situation.isStanding;
    if (isCapped) {
      ticket.isSoft = false;
      ticket.due = deadline;
    }
    // Parts that no deadline orders go behind all that waits when they come.
    if (isSoft) ticket.order = Infinity;
    if (ticket.due < Infinity) this.#checkFinish(lane, work.lastRows, context, holding, now, work);
    ticket.isSoft = isSoft;
    return ticket;
  }

  #checkRoom(lane: Lane, rows: number, context: TaskContext, holding: Holding, now: Instant): void {
    const { callerCoreShare, slots } = this.#options;
    if (callerCoreShare > 0 && context.admitted === undefined) this.#room.checkCoreShare(holding, now);
    if (lane.plan.queuedRows > 0) this.#room.checkRows(lane, rows, context, holding, now);
    if (slots.queuedBytes > 0) this.#room.checkBytes(lane, rows, context, holding, now);
  }

  /** The ticket of a request that nobody goes before. */
  #newTicket(plan: SignaturePlan, { deadline, hasOwnDeadline }: TaskContext, now: Instant): Ticket {
    const ticket = this.#ticket;
    ticket.enqueuedAt = now;
    ticket.due = now;
    ticket.order = now;
    ticket.isFirst = false;
    ticket.isSoft = false;
    ticket.margin = NO_FORECAST.margin;
    ticket.refusedDue = NO_FORECAST.refusedDue;
    ticket.expectedEnd = 0;
    ticket.partMs = 0;
    if (!this.#options.isByDeadline) return ticket;
    ticket.isSoft = deadline === Infinity || hasOwnDeadline === false;
    ticket.due = ticket.isSoft ? Math.min(deadline, now + plan.objectiveMs) : deadline;
    if (!ticket.isSoft) this.#options.dispatcher.situation.noteDeadline(deadline - now, now);
    ticket.order = ticket.due;
    return ticket;
  }

  /** The request of `rows` waits in the lane. */
  onQueued({ plan }: Lane, rows: number, holding: Holding, now: Instant): void {
    const { queue, dispatcher, isByDeadline } = this.#options;
    if (isByDeadline && queue.holdings.hasBecomeCrowd(holding, rows, plan.maxBatchSize))
      passCrowd(queue, holding, dispatcher.slots, now);
  }

  /** Sets its place among all that wait, where others do or it has parts. `areNew`: the holding has not promised the rows. */
  #setOrder({ plan, maxBatchSize }: Lane, rows: number, areNew: boolean, holding: Holding, now: Instant): void {
    const { queue, dispatcher } = this.#options;
    const ticket = this.#ticket;
    const newRows = areNew ? rows : 0;
    ticket.isFirst = queue.queuedTasks > 0 && goesFirst(this.#options, holding, newRows, maxBatchSize, now);
    if (!ticket.isFirst && (rows <= maxBatchSize || !ticket.isSoft)) return;
    if (plan.curve.isKnown) ticket.partMs = plan.curve.meanMs(maxBatchSize) / Math.max(1, dispatcher.slots);
    if (!ticket.isFirst) return;
    plan.overtaking.add(rows, now);
    // Together, those that go first may take all there is: then each has its share of it.
    ticket.order = now + (holding.rows / maxBatchSize) * ticket.partMs * queue.holdings.callersWith(holding);
  }

  /** `work`: what the rows are the last run of; undefined = they are all. */
  #checkFinish(
    lane: Lane,
    rows: number,
    context: TaskContext,
    holding: Holding,
    now: Instant,
    work?: PartedWork,
  ): void {
    const { executor } = this.#options;
    const beforeMs = work?.beforeMs ?? 0;
    const ticket = this.#ticket;
    const { plan } = lane;
    if (this.#isOverBacklog(lane, rows, holding, now)) this.#cutBacklog(lane, rows, context, holding, now);
    const budgetMs = ticket.due - now;
    ticket.margin = this.#marginOf(plan, budgetMs, now);
    let lateMs = this.#forecast.lateMs(lane, rows, ticket, now, beforeMs);
    if (lateMs > 0) {
      const aloneMs = this.#forecast.aloneMs(lane, rows, beforeMs);
      if (isProbeDue(plan, now) && (work === undefined || mayBeProbe(work, aloneMs, budgetMs, now - plan.learnedAt))) {
        // A probe runs whatever its forecast says.
        plan.probedAt = now;
        ticket.isSoft = true;
        return;
      }
      if (!ticket.isSoft && aloneMs > budgetMs) {
        // Sessions are opened for work that waits, and none of this will. They help where its runs are short enough.
        if (work !== undefined && work.workMs - work.beforeMs <= budgetMs) executor.grow?.();
        throw deadlineTooShort(work?.rows ?? rows, budgetMs, aloneMs);
      }
    }
    while (lateMs > 0 && this.#evictions.evictOne(context, ticket.order, plan)) {
      lateMs = this.#forecast.lateMs(lane, rows, ticket, now, beforeMs);
    }
    if (!(lateMs > 0)) {
      if (work === undefined) this.#takePlace(plan);
      return;
    }
    this.#onRefusal(plan, holding, now);
    this.#lateMs = lateMs;
    // The end of one run says nothing of a request of several.
    if (work === undefined && rows <= lane.maxBatchSize) {
      plan.refusedDue = ticket.due;
      plan.refused.note(rows, ticket.due, ticket.margin, now);
    }
    throw this.#options.refusals.predictedLate(lateMs, ticket.isSoft);
  }

  /** The margin of overload that stands also counts beside other models: a late answer takes the run of another there. */
  #marginOf(plan: SignaturePlan, budgetMs: number, now: Instant): LatenessMargin {
    const isCostly = this.#options.dispatcher.situation.isShared || plan.backlog.isStanding(budgetMs, now);
    return isCostly ? plan.standingMargin : plan.burstMargin;
  }

  /** Whoever was refused last would have had the place of the one that is admitted now, unless that goes before it. */
  #takePlace(plan: SignaturePlan): void {
    const ticket = this.#ticket;
    if (ticket.order < plan.refusedDue) return;
    ticket.refusedDue = plan.refusedDue;
    plan.refusedDue = -Infinity;
  }

  #isOverBacklog(lane: Lane, rows: number, holding: Holding, now: Instant): boolean {
    const { plan, maxBatchSize } = lane;
    const { queue, dispatcher } = this.#options;
    const mostRows = mostWaitingRows(dispatcher.slots, maxBatchSize);
    if (plan.backlog.isWithinShare(holding.rows + rows, mostRows, queue.holdings.callersWith(holding))) return false;
    const ticket = this.#ticket;
    const aheadRows = this.#forecast.aheadRows(lane, ticket, now);
    return plan.backlog.isOver(aheadRows + Math.min(rows, maxBatchSize), mostRows, ticket.due - now, now);
  }

  /** Refuses a request that a queue which stands has no use for, unless less important ones make room. */
  #cutBacklog(lane: Lane, rows: number, context: TaskContext, holding: Holding, now: Instant): void {
    const { plan, maxBatchSize } = lane;
    if (isProbeDue(plan, now)) return;
    while (this.#evictions.evictOne(context, this.#ticket.order, plan))
      if (!this.#isOverBacklog(lane, rows, holding, now)) return;
    this.#onRefusal(plan, holding, now);
    throw this.#options.refusals.standing(plan.curve.meanMs(maxBatchSize));
  }

  #onRefusal(plan: SignaturePlan, { use }: Holding, now: Instant): void {
    const { slots, queue, isByDeadline } = this.#options;
    slots.onRefusal(now);
    slots.callers.onRefusal(use, now);
    if (!isByDeadline) return;
    const { cameTasks } = queue;
    this.#lightCallers.onRefusal(plan, now);
    this.hasMoved = cameTasks !== queue.cameTasks;
  }
}
