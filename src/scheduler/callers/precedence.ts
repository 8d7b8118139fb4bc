/** Decides which requests go before all that wait, because of their callers. */
import type { Instant } from '../../core/clock.ts';
import type { Lane } from '../queue/lane.ts';
import type { TaskQueue } from '../queue/task-queue.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import { HEAVY_CALLER_RATIO, LEAST_LOOK_MS } from '../tuning.ts';
import type { CallerTable } from './caller-table.ts';
import { type Holding, type Holdings, heldRows } from './holdings.ts';

/** The length of runs that are not known yet: what is moved together keeps its order. */
const UNKNOWN_RUN_MS = 1;

interface CallersFacts {
  readonly queue: { readonly holdings: Holdings };
  readonly slots: { readonly callers: CallerTable; readonly total: number };
}

/** `rows` more of a caller that is sparse beside a crowd, or light beside one that takes most of the cores. */
export function goesFirst(
  { queue, slots }: CallersFacts,
  holding: Holding,
  rows: number,
  maxBatchSize: number,
  now: Instant,
): boolean {
  if (queue.holdings.isSparse(holding, rows, maxBatchSize)) return true;
  return heldRows(holding) + rows <= maxBatchSize && slots.callers.isLight(holding.use, slots.total, now);
}

/**
 * `crowd` has become one: what callers that are sparse beside it have waiting goes first from `now` on, and each of their
 * batches as much later as those before it take on the caller's share of `slots`.
 */
export function passCrowd(queue: TaskQueue, crowd: Holding, slots: number, now: Instant): void {
  letFirst(queue, slots, now, ({ plan }, holding) => {
    const isSparse = holding !== crowd && queue.holdings.isSparse(holding, 0, plan.maxBatchSize);
    return isSparse ? Infinity : 0;
  });
}

/**
 * Lets a batch of what each light caller has waiting go first, in overload, now and again. By themselves its requests do
 * not once more than a batch of its rows waits, and so would not before the others end: earlier deadlines, and
 * objectives, come without end.
 */
export class LightCallers {
  readonly #facts: CallersFacts & { readonly queue: TaskQueue };
  #nextAt: Instant = -Infinity;

  constructor(facts: CallersFacts & { readonly queue: TaskQueue }) {
    this.#facts = facts;
  }

  /** A request was refused because there is too much to do. A light caller gets a run in so many as make another heavy. */
  onRefusal({ curve, maxBatchSize }: SignaturePlan, now: Instant): void {
    const { queue, slots } = this.#facts;
    if (now < this.#nextAt || queue.holdings.callers <= 1) return;
    this.#nextAt = now + Math.max(LEAST_LOOK_MS, HEAVY_CALLER_RATIO * curve.meanMs(maxBatchSize));
    letFirst(queue, slots.total, now, ({ plan }, { use }) =>
      slots.callers.isLight(use, slots.total, now) ? plan.maxBatchSize : 0,
    );
  }
}

/**
 * Spares heads of callers that are sparse or light from being shed for the sake of larger runs, but not so often that the
 * runs which they allow take much of the slots: many callers may each be light.
 */
export class Sparing {
  readonly #facts: CallersFacts & { readonly queue: TaskQueue };
  #nextAt: Instant = -Infinity;

  constructor(facts: CallersFacts & { readonly queue: TaskQueue }) {
    this.#facts = facts;
  }

  /** The lane's head is to be shed. True: it goes first instead, in the run that it allows. */
  spares(lane: Lane, slots: number, now: Instant): boolean {
    const task = lane.head!;
    const { holding } = task.owner;
    if (now < this.#nextAt || holding === undefined) return false;
    if (!goesFirst(this.#facts, holding, 0, lane.maxBatchSize, now)) return false;
    const fullMs = lane.latency.meanMs(lane.maxBatchSize);
    this.#nextAt = now + (HEAVY_CALLER_RATIO * fullMs) / Math.max(1, slots);
    task.isSpared = true;
    if (!task.isFirst) this.#facts.queue.letFirst(task, lane, now);
    return true;
  }
}

/** `roomOf`: how many rows of a holding go first besides those that do. */
function letFirst(
  queue: TaskQueue,
  slots: number,
  now: Instant,
  roomOf: (lane: Lane, holding: Holding) => number,
): void {
  const room = new Map<Holding, { left: number; moved: number }>();
  for (const lane of [...queue]) {
    const { curve, maxBatchSize } = lane.plan;
    const fullMs = curve.isKnown ? curve.meanMs(maxBatchSize) : UNKNOWN_RUN_MS;
    const rowMs = (fullMs * queue.holdings.callers) / (maxBatchSize * Math.max(1, slots));
    for (const task of [...lane.tasks()]) {
      const { holding } = task.owner;
      if (task.isFirst || holding === undefined) continue;
      const own = room.get(holding) ?? { left: roomOf(lane, holding), moved: 0 };
      room.set(holding, own);
      if (own.left > 0) queue.letFirst(task, lane, now + own.moved * rowMs);
      own.left -= task.rows;
      own.moved += task.rows;
    }
  }
}
