/**
 * An accepted request. It settles exactly once: by its last part's answer, by a failure of any part, or by its cancel
 * signal.
 *
 *   waiting ──▶ running ──▶ answered
 *      └───────────┴──────▶ failed or cancelled: the caller is notified at once. Parts that wait leave the queue; parts
 *                           that run go on (a runtime cannot be stopped) and their outputs are dropped.
 *
 * It listens to the request's cancel signal until it settles.
 *
 * A request of more rows than one run may have is cut into parts, and its outputs are joined again. Cutting makes views
 * (copies, where rows are not at dim 0). Each part's outputs are copied once, when they come: copying those of a large
 * request all at once would hold the event loop. The parts have the request's deadline, and fail together.
 *
 *   rows  0 ───────── 64 ───────── 128 ── 150        max 64
 *         │  part 0   │   part 1   │ part 2 │        the last may share a batch with other requests
 */
import type { CancelListener } from '../../core/cancel.ts';
import type { Instant } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import { axisOf, type BatchAxes } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { STAGE_SPLIT } from '../../ledger/stage-clock.ts';
import { copyRowsInto, roomForRows, sliceAlong } from '../batch/axis-copy.ts';
import type { Holding } from '../callers/holdings.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import { NO_FORECAST, type Quarantine, Task, type TaskContext, type TaskOwner, type Ticket } from '../task.ts';
import { MAX_PARTS } from '../tuning.ts';
import type { Lane } from './lane.ts';
import type { TaskQueue } from './task-queue.ts';

/** A request in several parts. */
interface CutRequest {
  /** All its rows, and where they are. */
  readonly inputs: TensorMap;
  /** The parts' answers so far. */
  readonly outputs: JoinedOutputs;
  /** Rows of every part but the last. */
  readonly partRows: number;
}

const NO_TASKS: readonly Task[] = [];

export class PendingRequest implements TaskOwner, CancelListener {
  readonly context: TaskContext;
  readonly holding: Holding;
  isSettled = false;
  readonly #queue: TaskQueue;
  readonly #resolve: (outputs: TensorMap) => void;
  readonly #reject: (error: ServingError) => void;
  #tasks: readonly Task[] = NO_TASKS;
  /** Undefined for a request of one part. */
  #cut: CutRequest | undefined;
  #unanswered = 0;
  #inputBytes = 0;

  constructor(
    context: TaskContext,
    holding: Holding,
    queue: TaskQueue,
    resolve: (outputs: TensorMap) => void,
    reject: (error: ServingError) => void,
  ) {
    this.context = context;
    this.holding = holding;
    this.#queue = queue;
    this.#resolve = resolve;
    this.#reject = reject;
    context.cancel.listener = this;
  }

  /** Queues the request in `lane`, in parts of at most the lane's largest batch. Called once. */
  enqueue(lane: Lane, inputs: TensorMap, rows: number, ticket: Ticket): void {
    this.context.expectedEnd = ticket.expectedEnd;
    // Nearly always one part: no list that grows.
    if (rows <= lane.maxBatchSize) this.#tasks = [new Task(this, 0, rows, inputs, ticket)];
    else this.#tasks = this.#parts(lane, inputs, rows, ticket);
    this.#unanswered = this.#tasks.length;
    this.#inputBytes = rows * lane.rowBytes;
    this.#queue.countRequest(this.#inputBytes);
    for (const task of this.#tasks) this.#queue.push(lane, task);
  }

  enter(stage: number, at: Instant): void {
    const { stages } = this.context;
    if (this.isSettled || stages.has(stage)) return;
    // The first part's copy and run start the stages; the last part's answer ends them.
    if (stage === STAGE_SPLIT && this.#unanswered > 1) return;
    stages.enter(stage, at);
  }

  complete(task: Task, outputs: TensorMap): void {
    // A part whose request was queued again is not one of its tasks any more.
    if (this.isSettled || task !== this.#tasks[task.part]) return;
    this.#unanswered -= 1;
    const cut = this.#cut;
    try {
      cut?.outputs.add(outputs, task.part * cut.partRows);
    } catch (thrown) {
      this.fail(toServingError(thrown));
      return;
    }
    if (this.#unanswered > 0) return;
    this.#settle();
    this.#resolve(cut?.outputs.tensors ?? outputs);
  }

  get isCut(): boolean {
    return this.#cut !== undefined;
  }

  runWhole(part: Task, plan: SignaturePlan, outputs: readonly string[]): void {
    const parts = this.#tasks;
    if (this.isSettled || part !== parts[part.part]) return;
    const { enqueuedAt, due, order, isFirst, isSoft } = part;
    const inputs = this.#cut?.inputs ?? part.inputs;
    const lane = this.#queue.wholeLane(plan, { inputs, outputs }, 1);
    const times = { enqueuedAt, due, order, isFirst, isSoft, ...NO_FORECAST };
    const whole = new Task(this, 0, 1, inputs, times);
    this.#tasks = [whole];
    this.#cut = undefined;
    this.#unanswered = 1;
    // The queue must not look empty in between.
    this.#queue.push(lane, whole);
    for (const old of parts) this.#queue.remove(old);
  }

  moveTo(quarantine: Quarantine, part: Task, plan: SignaturePlan, outputs: readonly string[]): void {
    if (this.isSettled || part !== this.#tasks[part.part]) return;
    const { context } = this;
    const inputs = this.#cut?.inputs ?? part.inputs;
    this.#leave();
    try {
      quarantine.submit({ signatureName: plan.name, inputs, outputs, context }).then(this.#resolve, this.#reject);
    } catch (thrown) {
      this.#reject(toServingError(thrown));
    }
  }

  onCancel(reason: ServingError): void {
    this.fail(reason);
  }

  fail(error: ServingError): void {
    if (this.isSettled) return;
    if (error.kind === 'deadline_exceeded') for (const task of this.#tasks) task.lane?.plan.onLost(task);
    this.#leave();
    this.#reject(error);
  }

  /** Nothing more of it runs here. */
  #leave(): void {
    this.#settle();
    for (const task of this.#tasks) {
      this.#queue.remove(task);
      task.group?.onMemberSettled();
    }
  }

  #settle(): void {
    this.isSettled = true;
    this.#queue.countRequest(-this.#inputBytes);
    this.context.cancel.listener = undefined;
  }

  #parts({ maxBatchSize: max, plan }: Lane, inputs: TensorMap, rows: number, ticket: Ticket): Task[] {
    const tasks: Task[] = [];
    this.#cut = { inputs, outputs: new JoinedOutputs(rows, plan.axes), partRows: max };
    for (let start = 0; start < rows; start += max) {
      const end = Math.min(rows, start + max);
      const cut = cutInputs(inputs, start, end, plan.axes);
      const part = tasks.length;
      tasks.push(new Task(this, part, end - start, cut, ticket, ticket.order + part * ticket.partMs));
    }
    return tasks;
  }
}

/** Throws `too_large` for a request that would take more than MAX_PARTS runs. */
export function checkPartCount(rows: number, maxRows: number): void {
  const parts = Math.ceil(rows / maxRows);
  if (parts <= MAX_PARTS) return;
  throw new ServingError(
    'too_large',
    `the request has ${rows} rows, ${parts} runs of at most ${maxRows}; ` +
      `send at most ${MAX_PARTS * maxRows} rows at once`,
  );
}

/** Rows `start` to `end` of every input. An input that is the same for all rows is in each part. */
export function cutInputs(inputs: TensorMap, start: number, end: number, axes?: BatchAxes): TensorMap {
  const part = new Map<string, Tensor>();
  for (const [name, tensor] of inputs) {
    const axis = axisOf(axes, name);
    part.set(name, axis === 'same' ? tensor : sliceAlong(tensor, axis, start, end));
  }
  return part;
}

/** The outputs of a request's parts, joined along their batch axes, which every tensor has. */
export class JoinedOutputs {
  readonly tensors = new Map<string, Tensor>();
  /** The outputs of the part that came first. */
  #first: TensorMap | undefined;
  readonly #rows: number;
  readonly #axes: BatchAxes | undefined;

  /** @param rows of all parts together */
  constructor(rows: number, axes?: BatchAxes) {
    this.#rows = rows;
    this.#axes = axes;
  }

  /**
   * Copies a part's outputs to the rows from `start` on. Throws `backend_failed` if they differ from another part's in
   * dtype or beside the axis (an output whose other dims depend on the data).
   */
  add(part: TensorMap, start: number): void {
    this.#first ??= part;
    for (const [name, first] of this.#first) {
      const axis = axisOf(this.#axes, name) as number;
      const tensor = part.get(name)!;
      const room = this.tensors.get(name) ?? roomForRows(tensor, axis, this.#rows);
      this.tensors.set(name, room);
      if (!isSameBeside(axis, first, tensor)) throw partsDiffer(name, first, tensor);
      copyRowsInto(tensor, axis, room, start);
    }
  }
}

function isSameBeside(axis: number, a: Tensor, b: Tensor): boolean {
  if (a.dtype !== b.dtype || a.shape.length !== b.shape.length) return false;
  for (let i = 0; i < a.shape.length; i++) if (i !== axis && a.shape[i] !== b.shape[i]) return false;
  return true;
}

function partsDiffer(name: string, a: Tensor, b: Tensor): ServingError {
  const show = (tensor: Tensor): string => `${tensor.dtype} ${formatShape(tensor.shape)}`;
  return new ServingError(
    'backend_failed',
    `output "${name}" is ${show(a)} in one run of this request and ${show(b)} in another, so they cannot be joined; ` +
      'send fewer rows, so that one run holds them',
  );
}
