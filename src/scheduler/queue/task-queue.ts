/**
 * All tasks that wait in one scheduler: its lanes by key, and the counts for capacity and gauges.
 *
 *   lanes ─┬─ "serving_default·scores·float32,784" ── task ⇄ task ⇄ task
 *          └─ "serving_default·scores·float32,12"  ── task
 *
 * Only lanes that hold a task are kept, and one of each signature: callers choose shapes, so that empty lanes would be
 * memory that callers control.
 */
import type { Instant } from '../../core/clock.ts';
import { DenseSet } from '../../core/collections/dense-set.ts';
import { Priority } from '../../core/priority.ts';
import { type LengthPadding, lengthOf } from '../../core/signature.ts';
import { byteLengthOf } from '../../core/tensor.ts';
import { PromisedWork } from '../admission/promised-work.ts';
import { Holdings } from '../callers/holdings.ts';
import type { CoreSlots } from '../cores/core-slots.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { SchedulerRequest, Task } from '../task.ts';
import { MAX_VALUE_LANES } from '../tuning.ts';
import { Lane } from './lane.ts';
import { lengthsKey, oddKey, quarantineKey, rowsKey, wholeKey } from './lane-keys.ts';
import { PaddedLane } from './padded-lane.ts';
import { expiredInQueue } from './queue-errors.ts';
import { haveSameValues, SEPARATOR } from './same-inputs.ts';

type Runnable = Pick<SchedulerRequest, 'inputs' | 'outputs'>;

/** A task in a lane, and the outputs that it wants. */
interface WaitingTask {
  readonly task: Task;
  readonly outputs: readonly string[];
}

export class TaskQueue {
  readonly #lanes = new Map<string, Lane>();
  /** Those that hold a task. */
  readonly #waiting = new DenseSet<Lane>();
  /**
   * The last lane of each signature whose requests' rows have as many bytes: nearly every request wants the same outputs.
   * It stays in `#lanes`. Of strings the first request in a lane counts for all, so that no lane of them may stay.
   */
  readonly #usual = new Map<SignaturePlan, Lane>();
  readonly #slots: CoreSlots | undefined;
  /** The waiting rows of each caller. */
  readonly holdings = new Holdings();
  /** The parts of admitted requests that have not come yet. */
  readonly promised = new PromisedWork(this.holdings);
  /** Rows that wait. Only `push` and `remove` write this and the next two. */
  queuedRows = 0;
  queuedTasks = 0;
  /** Tasks that have come so far. */
  cameTasks = 0;
  /** Tasks that may be evicted for more important ones. */
  sheddableTasks = 0;
  /** Called when the last task has left, for any reason. */
  onEmpty: (() => void) | undefined;

  /** @param slots counts the bytes that wait, over all models */
  constructor(slots?: CoreSlots) {
    this.#slots = slots;
  }

  /** A lane holds a full batch. */
  get hasFullLane(): boolean {
    return this.#waiting.members.some((lane) => lane.queuedRows >= lane.mostRows());
  }

  get laneCount(): number {
    return this.#waiting.size;
  }

  /** One of the lanes; undefined = nothing waits. */
  get first(): Lane | undefined {
    return this.#waiting.members[0];
  }

  /** Lanes with at least one task, in no particular order. */
  [Symbol.iterator](): Iterator<Lane> {
    return this.#waiting.members[Symbol.iterator]();
  }

  /**
   * The lane of a request; it is kept from the first `push` on, a signature's usual lane from here on. A request with 0
   * `rows` or an odd shape is run alone, like one of a signature without a batch axis. `quarantined`: as in Lane.
   */
  laneFor(plan: SignaturePlan, request: SchedulerRequest, rows: number, quarantined?: string): Lane {
    const usual = this.#usual.get(plan);
    const isUsual = usual?.outputs === request.outputs && rows > 0 && request.isOddShape !== true;
    if (isUsual && quarantined === undefined && !plan.isWhole) return usual;
    if (request.isOddShape === true) return this.#ownLane(this.#oddLane(plan, request), quarantined);
    if (plan.isWhole || rows === 0)
      return this.#ownLane(this.wholeLane(plan, request, plan.isWhole ? 1 : 0), quarantined);
    if (plan.hasSameInputs) return this.#laneOfValues(plan, request, rows, quarantined);
    if (plan.padding !== undefined) return this.#laneOfLengths(plan, plan.padding, request, rows, quarantined);
    return this.#ownLane(this.#rowsLane(plan, request, rows), quarantined);
  }

  /** The lane of requests whose rows have the same shapes. */
  #rowsLane(plan: SignaturePlan, request: Runnable, rows: number): Lane {
    const key = rowsKey(plan, request);
    const lane = this.#lanes.get(key) ?? new Lane(key, plan, request.outputs, undefined, rowBytes(plan, request, rows));
    if (plan.rowBytes !== undefined) this.#keep(lane);
    return lane;
  }

  /** The lane is its signature's usual one from now on. */
  #keep(lane: Lane): void {
    const before = this.#usual.get(lane.plan);
    if (before === lane) return;
    if (before !== undefined) {
      before.isKept = false;
      if (before.queuedTasks === 0) this.#lanes.delete(before.key);
    }
    lane.isKept = true;
    this.#usual.set(lane.plan, lane);
    this.#lanes.set(lane.key, lane);
  }

  /** The lane of requests whose rows differ in length. A request that has no length shares runs with those of its shapes. */
  #laneOfLengths(
    plan: SignaturePlan,
    padding: LengthPadding,
    request: Runnable,
    rows: number,
    quarantined: string | undefined,
  ): Lane {
    const length = lengthOf(padding, request.inputs);
    if (length === 0) return this.#ownLane(this.#rowsLane(plan, request, rows), quarantined);
    if (length > padding.most) padding.onLonger?.(length);
    const key = lengthsKey(plan, request.outputs, length);
    const lane = this.#ownLane(
      this.#lanes.get(key) ?? new PaddedLane(key, plan, request.outputs),
      quarantined,
    ) as PaddedLane;
    lane.expect(length, rowBytes(plan, request, rows));
    return lane;
  }

  /** The lane of requests that are run as they come. `size` as in Lane. */
  wholeLane(plan: SignaturePlan, request: Runnable, size: number): Lane {
    const key = wholeKey(plan, request.outputs, size);
    return this.#lanes.get(key) ?? new Lane(key, plan, request.outputs, size, rowBytes(plan, request, 1));
  }

  /** The tasks of `plan` that wait for runs with others, and the outputs that they want. Whole ones are left out. */
  sharingTasks(plan: SignaturePlan): readonly WaitingTask[] {
    return this.#waiting.members
      .filter((lane) => lane.plan === plan && lane.wholeSize === undefined)
      .flatMap((lane) => [...lane.tasks()].map((task) => ({ task, outputs: lane.outputs })));
  }

  /** Takes the tasks of `caller` out of an ordinary lane, into a lane of their own. */
  separate(lane: Lane, caller: string, isOf: (task: Task) => boolean): void {
    const { plan, outputs, wholeSize } = lane;
    for (const task of [...lane.tasks()]) {
      if (!isOf(task)) continue;
      const { inputs, rows } = task;
      const isOfValues = plan.hasSameInputs && wholeSize === undefined;
      const own = isOfValues
        ? this.#laneOfValues(plan, { inputs, outputs }, rows, caller)
        : this.#ownLane(lane, caller);
      this.remove(task);
      this.push(own, task);
    }
  }

  /** A lane like `lane` for the tasks of the caller `quarantined` alone; `lane` itself if it is undefined. */
  #ownLane(lane: Lane, quarantined: string | undefined): Lane {
    if (quarantined === undefined) return lane;
    return this.#lanes.get(quarantineKey(lane.key, quarantined)) ?? quarantineLane(lane, quarantined);
  }

  /**
   * The lane for the request's values of inputs that must be the same. Callers choose the values, and each lane costs time
   * at every decision: from MAX_VALUE_LANES on, a request with a new value is run whole, in one lane for all of a size.
   */
  #laneOfValues(plan: SignaturePlan, request: Runnable, rows: number, quarantined: string | undefined): Lane {
    const key = rowsKey(plan, request);
    for (let i = 0; ; i++) {
      const ordinary = i === 0 ? key : `${key}${SEPARATOR}${i}`;
      const lane = this.#lanes.get(quarantined === undefined ? ordinary : quarantineKey(ordinary, quarantined));
      if (lane === undefined) {
        const isRoom = plan.laneCount < MAX_VALUE_LANES || plan.sizes.length > 0 || rows > plan.maxBatchSize;
        const bytes = rowBytes(plan, request, rows);
        const made = isRoom
          ? new Lane(ordinary, plan, request.outputs, undefined, bytes)
          : this.wholeLane(plan, request, rows);
        return this.#ownLane(made, quarantined);
      }
      if (haveSameValues(plan.axes!, lane.head!.inputs, request.inputs)) return lane;
    }
  }

  /**
   * Requests of odd shapes share lanes by the power of two of their bytes: so a lane's `rowBytes` holds for all of
   * them, and shapes make no more than a few dozen lanes for a signature and its outputs.
   */
  #oddLane(plan: SignaturePlan, { inputs, outputs }: SchedulerRequest): Lane {
    let bytes = 1;
    for (const tensor of inputs.values()) bytes += byteLengthOf(tensor);
    const rowBytes = 2 ** Math.ceil(Math.log2(bytes));
    const key = oddKey(plan, outputs, rowBytes);
    return this.#lanes.get(key) ?? new Lane(key, plan, outputs, 1, rowBytes, undefined, true);
  }

  /** Counts the inputs of a request, from when it is queued until it settles. */
  countRequest(bytes: number): void {
    if (this.#slots !== undefined) this.#slots.requestBytes += bytes;
  }

  push(lane: Lane, task: Task): void {
    if (lane.queuedTasks === 0) {
      if (!lane.isKept) this.#lanes.set(lane.key, lane);
      this.#waiting.add(lane);
      lane.plan.laneCount += 1;
    }
    lane.push(task);
    lane.plan.queuedRows += task.rows;
    this.queuedRows += task.rows;
    this.queuedTasks += 1;
    this.cameTasks += 1;
    if (task.priority === Priority.sheddable) this.sheddableTasks += 1;
    const bytes = lane.bytesOf(task);
    if (this.#slots !== undefined) this.#slots.queuedBytes += bytes;
    if (task.owner.holding !== undefined) this.holdings.add(task.owner.holding, task.rows, bytes);
  }

  /** The task, which waits in the lane, goes before all that do not from now on; among those that do by `order`. */
  letFirst(task: Task, lane: Lane, order: Instant): void {
    lane.remove(task);
    // The others have other places, as when a task comes.
    this.cameTasks += 1;
    task.isFirst = true;
    task.order = order;
    lane.push(task);
  }

  /** Takes a task out; does nothing if it is in no lane (it is in a batch already). */
  remove(task: Task): void {
    const lane = task.lane as Lane | undefined;
    if (lane === undefined) return;
    lane.remove(task);
    if (lane.queuedTasks === 0) {
      if (!lane.isKept) this.#lanes.delete(lane.key);
      this.#waiting.remove(lane);
      lane.plan.laneCount -= 1;
    }
    lane.plan.queuedRows -= task.rows;
    this.queuedRows -= task.rows;
    this.queuedTasks -= 1;
    if (task.priority === Priority.sheddable) this.sheddableTasks -= 1;
    const bytes = lane.bytesOf(task);
    if (this.#slots !== undefined) this.#slots.queuedBytes -= bytes;
    if (task.owner.holding !== undefined) this.holdings.remove(task.owner.holding, task.rows, bytes);
    if (this.queuedTasks === 0) this.onEmpty?.();
  }

  /**
   * Takes as many tasks of `lane` as fit into `rows`, in that order; the first always fits. Where their rows differ in
   * length, those that fit together (padded-lane.ts). Newest first only works
   * where tasks stand in the order in which they came; else the oldest are taken.
   */
  take(lane: Lane, rows: number, now: Instant, order: 'oldest' | 'newest'): Task[] {
    if (lane instanceof PaddedLane) return this.#takeAlike(lane, rows, now, order);
    let taken: Task[] | undefined;
    let room = Math.min(rows, lane.maxBatchSize);
    const isNewest = order === 'newest';
    for (;;) {
      const task = isNewest ? lane.newest : lane.head;
      if (task === undefined) break;
      if (failIfGone(task, now)) continue;
      if (task.rows > room && taken !== undefined) break;
      this.remove(task);
      // A list that begins empty would get room for 17 at its first task.
      if (taken === undefined) taken = [task];
      else taken.push(task);
      room -= task.rows;
    }
    if (taken === undefined) return isNewest ? this.take(lane, rows, now, 'oldest') : [];
    return taken;
  }

  #takeAlike(lane: PaddedLane, rows: number, now: Instant, order: 'oldest' | 'newest'): Task[] {
    let candidates = lane.candidates(order);
    while (candidates.filter((task) => failIfGone(task, now)).length > 0) candidates = lane.candidates(order);
    if (candidates.length === 0) return [];
    const taken = lane.choose(candidates, rows);
    for (const task of taken) this.remove(task);
    return taken;
  }
}

/** Fails a task that is cancelled or has expired, which takes it out of its lane. */
function failIfGone({ owner }: Task, now: Instant): boolean {
  const { cancel, deadline } = owner.context;
  if (cancel.reason !== undefined) owner.fail(cancel.reason);
  else if (!(deadline > now)) owner.fail(expiredInQueue(owner.context));
  else return false;
  return true;
}

/**
 * Bytes of a row of all inputs. A lane's tasks have the same, except for strings: there the lane's first request counts
 * for all.
 */
function rowBytes(plan: SignaturePlan, { inputs }: Runnable, rows: number): number {
  if (plan.rowBytes !== undefined && !plan.isWhole) return plan.rowBytes;
  let bytes = 0;
  for (const tensor of inputs.values()) bytes += byteLengthOf(tensor);
  return plan.isWhole ? bytes : Math.ceil(bytes / Math.max(1, rows));
}

/** A lane like another, for the tasks of one caller alone. */
function quarantineLane(lane: Lane, caller: string): Lane {
  const { key, plan, outputs, wholeSize, rowBytes: bytes, isOdd } = lane;
  const ownKey = quarantineKey(key, caller);
  const own =
    lane instanceof PaddedLane
      ? new PaddedLane(ownKey, plan, outputs)
      : new Lane(ownKey, plan, outputs, wholeSize, bytes, undefined, isOdd);
  own.quarantined = caller;
  return own;
}
