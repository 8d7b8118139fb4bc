/** How late a request would be answered that comes now: the facts for a Forecast, and what is kept free for its errors. */
import type { Instant } from '../../core/clock.ts';
import type { Dispatcher } from '../dispatcher.ts';
import { laneWorkMs } from '../policy/queue-situation.ts';
import type { Lane, Place } from '../queue/lane.ts';
import type { SchedulerParts } from '../scheduler-parts.ts';
import type { Ticket } from '../task.ts';
import { MAX_FORECAST_LANES } from '../tuning.ts';
import { Forecast } from './forecast.ts';

/** An instant is rounded so often at most. */
const ROUNDINGS = 4;

export interface LatenessFacts extends Pick<SchedulerParts, 'queue' | 'slots' | 'statistics'> {
  readonly dispatcher: Dispatcher;
}

export class LatenessForecast {
  readonly #facts: LatenessFacts;
  readonly #forecast = new Forecast();

  constructor(facts: LatenessFacts) {
    this.#facts = facts;
  }

  /** When the batch of the request that was asked for last should start. */
  get start(): Instant {
    return this.#forecast.start;
  }

  /**
   * How late the answer would be, in ms; 0 or less = in time. Writes what it expects into the ticket. `beforeMs`: the worker
   * time of the request's own runs before the one of these rows.
   */
  lateMs(lane: Lane, rows: number, ticket: Ticket, now: Instant, beforeMs = 0): number {
    const { dispatcher, statistics, slots } = this.#facts;
    const { plan, maxBatchSize } = lane;
    const { curve } = plan;
    const runRows = Math.min(maxBatchSize, Math.max(rows, curve.usualRows(maxBatchSize)));
    const forecast = this.#forecast;
    const runs = Math.max(1, dispatcher.slots);
    forecast.ask({
      now,
      uses: dispatcher.isOnAllSlots ? slots.uses : dispatcher.uses,
      slots: runs,
      latency: curve,
      own: lane.own,
      maxBatchSize: runRows,
      aheadRows: this.aheadRows(lane, ticket, now),
      rows,
      arrivalRows: plan.arrivals.perMs(now),
      othersMs: this.#otherModelsMs(ticket, now) * runs + this.#otherLanesMs(lane, ticket) + beforeMs,
      passingShare: dispatcher.usesSlots ? slots.passingShare(dispatcher, now) : 0,
      overheadMs: statistics.overheadMs,
      aroundMs: statistics.aroundMs,
    });
    ticket.expectedEnd = forecast.finish;
    // An idle server refuses only what a run alone cannot do in time.
    if (isIdle(forecast.start - now, beforeMs / runs, now) && rows <= maxBatchSize)
      return now + this.aloneMs(lane, rows, beforeMs) - ticket.due;
    const marginMs = ticket.margin?.forWait(forecast.start - now, curve.meanMs(runRows)) ?? 0;
    const finish = forecast.finish + marginMs;
    // No forecast may be shorter than a run alone.
    return (marginMs < 0 ? Math.max(finish, now + this.aloneMs(lane, rows, beforeMs)) : finish) - ticket.due;
  }

  /** Rows that go before the request: those that wait, and those that should overtake it meanwhile, as many did lately. */
  aheadRows(lane: Lane, ticket: Ticket, now: Instant): number {
    const { plan, maxBatchSize } = lane;
    const { curve } = plan;
    const waiting = lane.rowsBefore(ticket);
    if (ticket.isFirst) return waiting;
    const rowMs = curve.meanMs(maxBatchSize) / (maxBatchSize * Math.max(1, this.#facts.dispatcher.slots));
    return waiting + plan.overtaking.perMs(now) * Math.min(waiting * rowMs, Math.max(0, ticket.due - now));
  }

  /** How long the request takes if nothing else is there, in ms. `beforeMs` as in lateMs. */
  aloneMs({ own, maxBatchSize }: Lane, rows: number, beforeMs = 0): number {
    const { dispatcher, statistics } = this.#facts;
    const rest = rows % maxBatchSize;
    const full = (rows - rest) / maxBatchSize;
    const fullRounds = Math.ceil(full / Math.max(1, dispatcher.slots));
    const ms = fullRounds * own.meanMs(maxBatchSize) + (full === 0 ? own.meanMs(Math.max(1, rest)) : 0);
    return ms + statistics.overheadMs + beforeMs / Math.max(1, dispatcher.slots);
  }

  /** Time that other models' work, which goes before the request, takes of all cores. */
  #otherModelsMs({ order }: Ticket, now: Instant): number {
    const { dispatcher, slots } = this.#facts;
    return dispatcher.usesSlots ? slots.othersWorkMs(dispatcher, order, now) / slots.total : 0;
  }

  /** Run time of the model's other lanes, and of what was promised, that goes before the request: they share its slots, but no batch. */
  #otherLanesMs(own: Lane, place: Place): number {
    const { queue } = this.#facts;
    const promisedMs = place.isFirst ? 0 : queue.promised.msBefore(place.order);
    if (queue.laneCount <= 1) return promisedMs;
    let ms = 0;
    let seen = 0;
    for (const lane of queue) {
      // The lanes of other quarantined callers yield.
      if (lane === own || (lane.quarantined !== undefined && lane.quarantined !== own.quarantined)) continue;
      if (seen === MAX_FORECAST_LANES) break;
      seen += 1;
      ms += laneWorkMs(lane, Math.ceil(lane.rowsBefore(place)));
    }
    return promisedMs + (seen === 0 ? 0 : (ms * (queue.laneCount - 1)) / seen);
  }
}

/** Nothing but the request's own runs, which take `ownMs`, goes before its start. */
function isIdle(startsInMs: number, ownMs: number, now: Instant): boolean {
  if (ownMs === 0) return startsInMs <= 0;
  return startsInMs <= ownMs + ROUNDINGS * Number.EPSILON * (now + ownMs);
}
