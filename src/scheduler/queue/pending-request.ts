/**
 * An accepted request. It settles exactly once: by its last part's answer, by a failure of any part, or by its cancel
 * signal.
 *
 *   waiting ──▶ running ──▶ answered
 *      └───────────┴──────▶ failed or cancelled: the caller is notified at once. Parts that wait leave the queue; parts
 *                           that run go on (a runtime cannot be stopped) and their outputs are dropped.
 *
 * It listens to the request's cancel signal until it settles.
 */
import type { CancelListener } from '../../core/cancel.ts';
import type { Instant } from '../../core/clock.ts';
import { type ServingError, toServingError } from '../../core/errors.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { STAGE_SPLIT } from '../../telemetry/stage-clock.ts';
import { Task, type TaskContext, type TaskInit, type TaskOwner } from '../task.ts';
import type { Lane } from './lane.ts';
import { cutInputs, joinOutputs } from './split-request.ts';
import type { TaskQueue } from './task-queue.ts';

/** The result of admission. It is read at once, so that one object serves all requests of a scheduler. */
export interface Ticket {
  enqueuedAt: Instant;
  /** See TaskInit. */
  due: Instant;
  isSoft: boolean;
  expectedStart: Instant;
}

const NO_TASKS: readonly Task[] = [];

export class PendingRequest implements TaskOwner, CancelListener {
  readonly context: TaskContext;
  isSettled = false;
  readonly #queue: TaskQueue;
  readonly #resolve: (outputs: TensorMap) => void;
  readonly #reject: (error: ServingError) => void;
  #tasks: readonly Task[] = NO_TASKS;
  /** The parts' answers so far; undefined for a request of one part. */
  #answers: TensorMap[] | undefined;
  #unanswered = 0;

  constructor(
    context: TaskContext,
    queue: TaskQueue,
    resolve: (outputs: TensorMap) => void,
    reject: (error: ServingError) => void,
  ) {
    this.context = context;
    this.#queue = queue;
    this.#resolve = resolve;
    this.#reject = reject;
    context.cancel.listener = this;
  }

  /** Queues the request in `lane`, in parts of at most the lane's largest batch. Called once. */
  enqueue(lane: Lane, inputs: TensorMap, rows: number, ticket: Ticket): void {
    // Nearly always one part: no list that grows.
    if (rows <= lane.maxBatchSize) this.#tasks = [new Task(this.#part(0, inputs, rows, ticket))];
    else this.#tasks = this.#cut(lane.maxBatchSize, inputs, rows, ticket);
    this.#unanswered = this.#tasks.length;
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
    if (this.isSettled) return;
    this.#unanswered -= 1;
    if (this.#answers !== undefined) this.#answers[task.part] = outputs;
    if (this.#unanswered > 0) return;
    let answer = outputs;
    try {
      if (this.#answers !== undefined) answer = joinOutputs(this.#answers);
    } catch (thrown) {
      this.fail(toServingError(thrown));
      return;
    }
    this.#settle();
    this.#resolve(answer);
  }

  onCancel(reason: ServingError): void {
    this.fail(reason);
  }

  fail(error: ServingError): void {
    if (this.isSettled) return;
    this.#settle();
    for (const task of this.#tasks) {
      this.#queue.remove(task);
      task.group?.onMemberSettled();
    }
    this.#reject(error);
  }

  #settle(): void {
    this.isSettled = true;
    this.context.cancel.listener = undefined;
  }

  #part(part: number, inputs: TensorMap, rows: number, ticket: Ticket): TaskInit {
    const { enqueuedAt, due, isSoft, expectedStart } = ticket;
    return { owner: this, part, rows, inputs, enqueuedAt, due, isSoft, expectedStart };
  }

  #cut(max: number, inputs: TensorMap, rows: number, ticket: Ticket): Task[] {
    const tasks: Task[] = [];
    for (let start = 0; start < rows; start += max) {
      const end = Math.min(rows, start + max);
      const cut = cutInputs(inputs, start, end);
      tasks.push(new Task(this.#part(tasks.length, cut, end - start, ticket)));
    }
    this.#answers = [];
    return tasks;
  }
}
