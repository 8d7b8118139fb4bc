/**
 * All tasks that wait in one scheduler: its lanes by key, and the counts for capacity and gauges.
 *
 *   lanes ─┬─ "serving_default·scores·float32,784" ── task ⇄ task ⇄ task
 *          └─ "serving_default·scores·float32,12"  ── task
 *
 * Only lanes that hold a task are kept: callers choose shapes, so empty lanes would be memory that callers control.
 */
import type { Instant } from '../../core/clock.ts';
import { Priority } from '../../core/priority.ts';
import { byteLengthOf, type TensorMap } from '../../core/tensor.ts';
import type { CoreSlots } from '../cores/core-slots.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { SchedulerRequest, Task } from '../task.ts';
import { Lane } from './lane.ts';
import { expiredInQueue } from './queue-errors.ts';

export class TaskQueue {
  readonly #lanes = new Map<string, Lane>();
  readonly #slots: CoreSlots | undefined;
  /** Rows that wait. Only `push` and `remove` write this and the next two. */
  queuedRows = 0;
  queuedTasks = 0;
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
    for (const lane of this.#lanes.values()) if (lane.queuedRows >= lane.maxBatchSize) return true;
    return false;
  }

  get laneCount(): number {
    return this.#lanes.size;
  }

  /** Lanes with at least one task, in no particular order. */
  [Symbol.iterator](): Iterator<Lane> {
    return this.#lanes.values();
  }

  /**
   * The lane of a request; it is kept from the first `push` on. A request with 0 `rows` is run alone, like one of a
   * signature without a batch axis. `apart`: as in Lane.
   */
  laneFor(plan: SignaturePlan, request: SchedulerRequest, rows: number, apart?: string): Lane {
    const wholeSize = plan.isWhole ? 1 : rows === 0 ? 0 : undefined;
    const key = wholeSize === undefined ? rowsKey(plan, request) : wholeKey(plan, request, wholeSize);
    const known = this.#lanes.get(apart === undefined ? key : apartKey(key, apart));
    if (known !== undefined) return known;
    const lane = new Lane(key, plan, request.outputs, wholeSize, rowBytes(plan, request, rows));
    return apart === undefined ? lane : apartLane(lane, apart);
  }

  /** Takes the tasks of `caller` out of an ordinary lane, into a lane of their own. */
  separate(lane: Lane, caller: string, isOf: (task: Task) => boolean): void {
    for (const task of [...lane.tasks()]) {
      if (!isOf(task)) continue;
      const own = this.#lanes.get(apartKey(lane.key, caller)) ?? apartLane(lane, caller);
      this.remove(task);
      this.push(own, task);
    }
  }

  push(lane: Lane, task: Task): void {
    if (lane.queuedTasks === 0) this.#lanes.set(lane.key, lane);
    lane.push(task);
    lane.plan.queuedRows += task.rows;
    this.queuedRows += task.rows;
    this.queuedTasks += 1;
    if (task.priority === Priority.sheddable) this.sheddableTasks += 1;
    if (this.#slots !== undefined) this.#slots.queuedBytes += task.rows * lane.rowBytes;
  }

  /** Takes a task out; does nothing if it is in no lane (it is in a batch already). */
  remove(task: Task): void {
    const { lane } = task;
    if (lane === undefined) return;
    lane.remove(task);
    if (lane.queuedTasks === 0) this.#lanes.delete(lane.key);
    lane.plan.queuedRows -= task.rows;
    this.queuedRows -= task.rows;
    this.queuedTasks -= 1;
    if (task.priority === Priority.sheddable) this.sheddableTasks -= 1;
    if (this.#slots !== undefined) this.#slots.queuedBytes -= task.rows * lane.rowBytes;
    if (this.queuedTasks === 0) this.onEmpty?.();
  }

  /**
   * Takes as many tasks of `lane` as fit into `rows`, in that order; the first always fits. Newest first only works
   * where tasks stand in the order in which they came; else the oldest are taken.
   */
  take(lane: Lane, rows: number, now: Instant, order: 'oldest' | 'newest'): Task[] {
    const taken: Task[] = [];
    let room = Math.min(rows, lane.maxBatchSize);
    const isNewest = order === 'newest';
    for (;;) {
      const task = isNewest ? lane.newest : lane.head;
      if (task === undefined) break;
      if (failIfGone(task, now)) continue;
      if (task.rows > room && taken.length > 0) break;
      this.remove(task);
      taken.push(task);
      room -= task.rows;
    }
    return taken.length === 0 && isNewest ? this.take(lane, rows, now, 'oldest') : taken;
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
function rowBytes(plan: SignaturePlan, { inputs }: SchedulerRequest, rows: number): number {
  if (plan.rowBytes !== undefined && !plan.isWhole) return plan.rowBytes;
  let bytes = 0;
  for (const tensor of inputs.values()) bytes += byteLengthOf(tensor);
  return plan.isWhole ? bytes : Math.ceil(bytes / Math.max(1, rows));
}

/** NUL separates the parts of a key: no model has it in a name. */
const SEPARATOR = '\0';
/** Two NULs in a row are in no key that is made of names. */
const APART = '\0\0apart ';

/** Begins with a NUL, so that it differs from every `rowsKey`. */
function wholeKey(plan: SignaturePlan, request: SchedulerRequest, wholeSize: number): string {
  return SEPARATOR + wholeSize + outputsKey(plan, request.outputs);
}

function outputsKey(plan: SignaturePlan, outputs: readonly string[]): string {
  let key = plan.name;
  for (const output of outputs) key += SEPARATOR + output;
  return key;
}

function apartKey(key: string, caller: string): string {
  return key + APART + caller;
}

/** A lane like another, for the tasks of one caller alone. */
function apartLane({ key, plan, outputs, wholeSize, rowBytes: bytes }: Lane, caller: string): Lane {
  const lane = new Lane(apartKey(key, caller), plan, outputs, wholeSize, bytes);
  lane.apart = caller;
  return lane;
}

/** Inputs come in the signature's order, so that their names need not be in the key. */
function rowsKey(plan: SignaturePlan, request: SchedulerRequest): string {
  const { outputs } = request;
  // Nearly every request asks for all outputs, with the same array.
  if (outputs === plan.lastOutputs) return plan.lastKey;
  const key = outputsKey(plan, outputs) + inputsKey(plan, request.inputs);
  if (plan.hasFixedRows) {
    plan.lastOutputs = outputs;
    plan.lastKey = key;
  }
  return key;
}

function inputsKey({ inputNames, isPadded }: SignaturePlan, inputs: TensorMap): string {
  let key = '';
  for (const name of inputNames) {
    const { dtype, shape } = inputs.get(name)!;
    key += SEPARATOR + dtype;
    // Padded tensors only need the same rank; but an empty row has no element to pad with.
    if (isPadded && !shape.includes(0)) key += `,rank ${shape.length}`;
    else for (let i = 1; i < shape.length; i++) key += `,${shape[i]}`;
  }
  return key;
}
