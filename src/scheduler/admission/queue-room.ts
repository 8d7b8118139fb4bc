/**
 * Refuses requests that the queue has no room for, whatever their deadline, after sheddable ones were evicted if that helps. A
 * caller within its fair share of the room is not refused for the waiting rows of others.
 */
import type { Instant } from '../../core/clock.ts';
import type { Holding } from '../callers/holdings.ts';
import type { Lane } from '../queue/lane.ts';
import { memoryFull, overCoreShare, overloaded } from '../queue/queue-errors.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { TaskContext } from '../task.ts';
import { SPARE_BYTES_SHARE } from '../tuning.ts';
import type { Evictions } from './evictions.ts';
import type { LatenessFacts } from './lateness-forecast.ts';

export interface QueueRoomOptions extends LatenessFacts {
  /** Bytes of inputs that may wait, over all models. */
  readonly maxQueuedBytes: number;
  /** The option of the same name of SchedulerOptions; 0 = no limit. */
  readonly callerCoreShare: number;
}

export class QueueRoom {
  readonly #options: QueueRoomOptions;
  readonly #evictions: Evictions;
  readonly #onRefusal: (plan: SignaturePlan, holding: Holding, now: Instant) => void;

  /** @param onRefusal is called before a request is refused for rows or bytes */
  constructor(
    options: QueueRoomOptions,
    evictions: Evictions,
    onRefusal: (plan: SignaturePlan, holding: Holding, now: Instant) => void,
  ) {
    this.#options = options;
    this.#evictions = evictions;
    this.#onRefusal = onRefusal;
  }

  /** Throws ServingError (overloaded) where the caller's runs took more than its share of the cores, and others wait. */
  checkCoreShare({ use, rows }: Holding, now: Instant): void {
    const { callerCoreShare, slots, queue } = this.#options;
    const share = use.cores(now) / slots.total;
    if (!(share > callerCoreShare)) return;
    if (queue.queuedRows <= rows && !slots.callers.wasOtherRefused(use, now)) return;
    throw overCoreShare(share, callerCoreShare);
  }

  /**
   * Throws ServingError (overloaded) where more rows would wait than may. Dispatches first: requests of this turn may still
   * fit into free slots.
   */
  checkRows(lane: Lane, rows: number, context: TaskContext, holding: Holding, now: Instant): void {
    const { plan } = lane;
    const { dispatcher, queue } = this.#options;
    if (!isOver(plan, rows)) return;
    if (holding.rows + rows <= plan.maxQueuedRows / queue.holdings.callersWith(holding)) return;
    dispatcher.dispatch();
    while (isOver(plan, rows) && this.#evictions.evictOne(context, Infinity, plan));
    if (!isOver(plan, rows)) return;
    this.#onRefusal(plan, holding, now);
    throw overloaded(plan, rows, this.#evictions.retryAfterMs(plan));
  }

  /** Throws ServingError (overloaded) where what waits holds too many bytes with this request. */
  checkBytes({ plan, rowBytes }: Lane, rows: number, context: TaskContext, holding: Holding, now: Instant): void {
    const { slots, maxQueuedBytes, dispatcher, queue } = this.#options;
    const bytes = rows * rowBytes;
    if (slots.queuedBytes + bytes <= maxQueuedBytes) return;
    const spare = SPARE_BYTES_SHARE * maxQueuedBytes;
    const isSpare = slots.queuedBytes + bytes <= maxQueuedBytes + spare;
    if (isSpare && holding.bytes + bytes <= spare / queue.holdings.callersWith(holding)) return;
    dispatcher.dispatch();
    while (slots.queuedBytes + bytes > maxQueuedBytes && this.#evictions.evictOne(context, Infinity, undefined));
    if (slots.queuedBytes + bytes <= maxQueuedBytes || slots.queuedBytes === 0) return;
    this.#onRefusal(plan, holding, now);
    throw memoryFull(slots.queuedBytes, maxQueuedBytes, this.#evictions.retryAfterMs(plan));
  }
}

function isOver(plan: SignaturePlan, rows: number): boolean {
  return plan.queuedRows > 0 && plan.queuedRows + rows > plan.maxQueuedRows;
}
