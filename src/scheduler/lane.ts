/**
 * Tasks that may share a run, first come, first served: same signature, same outputs, same dtype and shape beside dim 0
 * of each input.
 *
 *    head                             tail
 *   ┌──────┐ next  ┌──────┐   next  ┌──────┐
 *   │ task │ ────▶ │ task │ ──────▶ │ task │ ──▶ undefined
 *   │      │ ◀──── │      │ ◀────── │      │
 *   └──────┘ prev  └──────┘   prev  └──────┘
 *
 * The links are in the tasks themselves, so that one whose client has left or whose deadline has passed leaves from the
 * middle in O(1), with no tombstone: at any time the lane holds exactly the tasks that are still wanted.
 *
 * Invariants: `queuedRows` and `queuedTasks` are the sums over the list; a task's `lane` is this lane exactly while it
 * is in the list; enqueuedAt never falls from head to tail; no task has more rows than `maxBatchSize`.
 *
 * push, remove, head: O(1), nothing allocated.
 */
import type { Instant } from '../core/clock.ts';
import type { LaneFacts } from './batch-policy.ts';
import type { SignaturePlan } from './signature-plan.ts';
import type { Task } from './task.ts';

export class Lane implements LaneFacts {
  readonly key: string;
  readonly plan: SignaturePlan;
  /** Wanted outputs of every task in it. */
  readonly outputs: readonly string[];
  /**
   * Set where a task is run alone and as it came, neither sliced nor padded: the size to report for it. 1 where the
   * signature has no batch axis, 0 for a request without rows. Undefined in an ordinary lane.
   */
  readonly wholeSize: number | undefined;
  /** Most rows in one run of this lane. */
  readonly maxBatchSize: number;
  #head: Task | undefined;
  #tail: Task | undefined;
  #rows = 0;
  #tasks = 0;

  constructor(key: string, plan: SignaturePlan, outputs: readonly string[], wholeSize: number | undefined) {
    this.key = key;
    this.plan = plan;
    this.outputs = outputs;
    this.wholeSize = wholeSize;
    this.maxBatchSize = wholeSize === undefined ? plan.maxBatchSize : 1;
  }

  /** The task that has waited longest. */
  get head(): Task | undefined {
    return this.#head;
  }

  get queuedRows(): number {
    return this.#rows;
  }

  get queuedTasks(): number {
    return this.#tasks;
  }

  /** When the head came; Infinity in an empty lane. */
  get oldestEnqueuedAt(): Instant {
    return this.#head === undefined ? Infinity : this.#head.enqueuedAt;
  }

  /** Puts a task that is in no lane at the tail. */
  push(task: Task): void {
    const tail = this.#tail;
    task.lane = this;
    task.previous = tail;
    if (tail === undefined) this.#head = task;
    else tail.next = task;
    this.#tail = task;
    this.#rows += task.rows;
    this.#tasks += 1;
  }

  /** Takes a task of this lane out, wherever it stands. */
  remove(task: Task): void {
    const { previous, next } = task;
    if (previous === undefined) this.#head = next;
    else previous.next = next;
    if (next === undefined) this.#tail = previous;
    else next.previous = previous;
    task.lane = undefined;
    task.previous = undefined;
    task.next = undefined;
    this.#rows -= task.rows;
    this.#tasks -= 1;
  }
}
