/**
 * Everything that waits in one scheduler: its lanes by key, and the counts that capacity and gauges are made of.
 *
 *   lanes ─┬─ "serving_default·scores·float32,784" ── task ⇄ task ⇄ task
 *          └─ "serving_default·scores·float32,12"  ── task
 *
 * Only lanes that hold a task are kept: callers choose shapes, so lanes that stayed would be memory that callers choose.
 * A task that is in the queue is counted; one that has left is not, from that moment on.
 */
import { Priority } from '../../core/priority.ts';
import { byteLengthOf, type TensorMap } from '../../core/tensor.ts';
import type { CoreSlots } from '../cores/core-slots.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { SchedulerRequest, Task } from '../task.ts';
import { Lane } from './lane.ts';

export class TaskQueue {
  readonly #lanes = new Map<string, Lane>();
  readonly #slots: CoreSlots | undefined;
  /** Rows that wait. Of all that follows: `push` and `remove` alone write it. */
  queuedRows = 0;
  queuedTasks = 0;
  /** Tasks that wait and may be given up for more important ones. */
  sheddableTasks = 0;
  /** Called when the last task has left, for whatever cause. */
  onEmpty: (() => void) | undefined;

  /** `slots`: where the bytes that wait are counted, over all models. */
  constructor(slots?: CoreSlots) {
    this.#slots = slots;
  }

  /** Some lane holds a full batch: there is nothing to wait for. */
  get hasFullLane(): boolean {
    for (const lane of this.#lanes.values()) if (lane.queuedRows >= lane.maxBatchSize) return true;
    return false;
  }

  get laneCount(): number {
    return this.#lanes.size;
  }

  /** Lanes with at least one task, in no order that means anything. */
  lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** The same: a policy may be given the queue itself. */
  [Symbol.iterator](): Iterator<Lane> {
    return this.#lanes.values();
  }

  /**
   * The lane of a request; it is kept from the first `push` on. `rows` = 0 means a request without rows, which is run
   * alone like one of a signature without a batch axis.
   */
  laneFor(plan: SignaturePlan, request: SchedulerRequest, rows: number): Lane {
    const wholeSize = plan.isWhole ? 1 : rows === 0 ? 0 : undefined;
    const key = wholeSize === undefined ? rowsKey(plan, request) : wholeKey(plan, request, wholeSize);
    return this.#lanes.get(key) ?? new Lane(key, plan, request.outputs, wholeSize, rowBytes(plan, request, rows));
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

  /** Takes a task out; nothing happens if it is in no lane (it rides in a batch already). */
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
}

/**
 * Bytes of a row of all inputs: a lane's tasks have it in common, but for strings, where the first request stands for
 * those after it.
 */
function rowBytes(plan: SignaturePlan, { inputs }: SchedulerRequest, rows: number): number {
  if (plan.rowBytes !== undefined && !plan.isWhole) return plan.rowBytes;
  let bytes = 0;
  for (const tensor of inputs.values()) bytes += byteLengthOf(tensor);
  return plan.isWhole ? bytes : Math.ceil(bytes / Math.max(1, rows));
}

/** NUL stands between the parts of a key: no model has it in a name. */
const SEPARATOR = '\0';

/** Begins with a NUL, so that it is no other lane's. */
function wholeKey(plan: SignaturePlan, request: SchedulerRequest, wholeSize: number): string {
  return SEPARATOR + wholeSize + outputsKey(plan, request.outputs);
}

function outputsKey(plan: SignaturePlan, outputs: readonly string[]): string {
  let key = plan.name;
  for (const output of outputs) key += SEPARATOR + output;
  return key;
}

/** Inputs come in the signature's order, so that their names need not be in the key. */
function rowsKey(plan: SignaturePlan, request: SchedulerRequest): string {
  const { outputs } = request;
  // Nearly every request asks for all outputs, by one array.
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
    // Of those that are padded the rank alone tells; but an empty row has no element to pad with.
    if (isPadded && !shape.includes(0)) key += `,rank ${shape.length}`;
    else for (let i = 1; i < shape.length; i++) key += `,${shape[i]}`;
  }
  return key;
}
