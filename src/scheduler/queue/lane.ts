/**
 * Tasks that may share a run, the one that is due first at the head: same signature, same outputs, same dtype and shape beside dim 0
 * of each input.
 *
 *    oldest                           newest
 *   ┌──────┐ next  ┌──────┐   next  ┌──────┐
 *   │ task │ ────▶ │ task │ ──────▶ │ task │ ──▶ undefined
 *   │      │ ◀──── │      │ ◀────── │      │
 *   └──────┘ prev  └──────┘   prev  └──────┘
 *
 *   + a heap of those that overtake: due before the tail when they came
 *
 * Tasks that become due in the order in which they came (no deadlines, or all alike) make up the list alone, in O(1);
 * only one that is due before the tail goes into the heap, in O(log n). The head is the earlier of the two heads.
 *
 * The links are in the tasks themselves, so that one whose client has left or whose deadline has passed leaves from the
 * middle in O(1), with no tombstone: at any time the lane holds exactly the tasks that are still wanted.
 *
 * Invariants: `queuedRows` and `queuedTasks` are the sums over both; a task's `lane` is this lane exactly while it is in
 * one of them; `due` never falls along the list; no task has more rows than `maxBatchSize`.
 *
 * push, remove, head: O(1) in the list, nothing allocated.
 */
import type { Instant } from '../../core/clock.ts';
import { Heap } from '../../core/heap.ts';
import type { Isolation } from '../batch/isolated-batch.ts';
import type { LatencyView } from '../latency/latency-curve.ts';
import type { QueuedPromise, SlackFacts } from '../policy/batch-policy.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { Task, TaskLane } from '../task.ts';

/** Of whose failed batch a lane's tasks are, and how many rows they have in all. */
export interface IsolatedRows {
  readonly isolation: Isolation;
  readonly rows: number;
}

export class Lane implements SlackFacts, TaskLane {
  readonly key: string;
  readonly plan: SignaturePlan;
  readonly latency: LatencyView;
  /** That its batches may have; empty = any. */
  readonly sizes: readonly number[];
  /** Wanted outputs of every task in it. */
  readonly outputs: readonly string[];
  /**
   * Set where a task is run alone and as it came, neither sliced nor padded: the size to report for it. 1 where the
   * signature has no batch axis, 0 for a request without rows. Undefined in an ordinary lane.
   */
  readonly wholeSize: number | undefined;
  /** Most rows in one run of this lane; where it is isolated, those that are in it: it is full, and waits for nobody. */
  maxBatchSize: number;
  /** Of all inputs of one row, about. */
  readonly rowBytes: number;
  /** Set in a lane of tasks that are run again because the batch that they rode in failed. Nobody joins it. */
  readonly isolation: Isolation | undefined;
  /** The task that is due first; of two that are due together, the one that came first. `push` and `remove` write it. */
  head: Task | undefined;
  /** Of the list. */
  #head: Task | undefined;
  #tail: Task | undefined;
  /** `push` and `remove` alone write these. */
  queuedRows = 0;
  queuedTasks = 0;
  /** Of them, those that are due at their client's deadline. */
  #promises = 0;
  #overtaking: Heap<Task> | undefined;
  #overtakingRows = 0;
  /** Latest `due` of those in the heap since it was last empty. */
  #overtakingUntil: Instant = -Infinity;

  constructor(
    key: string,
    plan: SignaturePlan,
    outputs: readonly string[],
    wholeSize: number | undefined,
    rowBytes = 0,
    isolated?: IsolatedRows,
  ) {
    this.key = key;
    this.plan = plan;
    this.latency = plan.curve;
    this.sizes = wholeSize === undefined ? plan.sizes : NO_SIZES;
    this.outputs = outputs;
    this.wholeSize = wholeSize;
    this.maxBatchSize = isolated?.rows ?? (wholeSize === undefined ? plan.maxBatchSize : 1);
    this.rowBytes = rowBytes;
    this.isolation = isolated?.isolation;
  }

  /** The task that came last, where no task has overtaken another; else undefined. */
  get newest(): Task | undefined {
    return this.#overtakingRows === 0 ? this.#tail : undefined;
  }

  get headRows(): number {
    return this.head?.rows ?? 0;
  }

  get headDue(): Instant {
    return this.head?.due ?? Infinity;
  }

  get isHeadSoft(): boolean {
    return this.head?.isSoft ?? false;
  }

  /** When the head came; Infinity in an empty lane. */
  get oldestEnqueuedAt(): Instant {
    return this.head?.enqueuedAt ?? Infinity;
  }

  /** Puts a task that is in no lane into its place. */
  push(task: Task): void {
    const tail = this.#tail;
    task.lane = this;
    this.queuedRows += task.rows;
    this.queuedTasks += 1;
    if (!task.isSoft) this.#promises += 1;
    if (tail !== undefined && task.due < tail.due) this.#overtake(task);
    else {
      task.previous = tail;
      if (tail === undefined) this.#head = task;
      else tail.next = task;
      this.#tail = task;
    }
    this.head = this.#first();
  }

  /**
   * About how many rows wait that are due no later than `due`: exact where that is all or none of a part, else as if
   * they were spread evenly over its time.
   */
  rowsDueBy(due: Instant): number {
    const listRows = this.queuedRows - this.#overtakingRows;
    let rows = 0;
    if (listRows > 0) rows += listRows * shareBy(due, this.#head!.due, this.#tail!.due);
    const first = this.#overtaking?.peek();
    if (first !== undefined) rows += this.#overtakingRows * shareBy(due, first.due, this.#overtakingUntil);
    return rows;
  }

  firstPromise(rows: number): QueuedPromise | undefined {
    if (this.#promises === 0) return undefined;
    let first: Task | undefined;
    let listRows = 0;
    for (let task = this.#head; task !== undefined && listRows < rows; task = task.next) {
      listRows += task.rows;
      if (task.isSoft) continue;
      first = task;
      break;
    }
    for (const task of this.#overtaking?.entries() ?? []) {
      if (!task.isSoft && (first === undefined || isBefore(task, first))) first = task;
    }
    if (first === undefined) return undefined;
    const before = this.#rowsBefore(first, rows);
    return before < rows ? { due: first.due, rows: first.rows, before } : undefined;
  }

  arrivalRows(now: Instant): number {
    return this.isolation === undefined ? this.plan.arrivals.perMs(now) : 0;
  }

  /** Every task, in no order that means anything. Not for the request path. */
  *tasks(): Iterable<Task> {
    for (let task = this.#head; task !== undefined; task = task.next) yield task;
    yield* this.#overtaking?.entries() ?? [];
  }

  /** Takes a task of this lane out, wherever it stands. */
  remove(task: Task): void {
    this.queuedRows -= task.rows;
    this.queuedTasks -= 1;
    if (!task.isSoft) this.#promises -= 1;
    if (this.isolation !== undefined) this.maxBatchSize = this.queuedRows;
    if (task.heapIndex !== -1) {
      this.#overtaking!.remove(task);
      this.#overtakingRows -= task.rows;
      if (this.#overtaking!.size === 0) this.#overtakingUntil = -Infinity;
    } else {
      const { previous, next } = task;
      if (previous === undefined) this.#head = next;
      else previous.next = next;
      if (next === undefined) this.#tail = previous;
      else next.previous = previous;
      task.previous = undefined;
      task.next = undefined;
    }
    task.lane = undefined;
    this.head = this.#first();
  }

  #first(): Task | undefined {
    const first = this.#overtaking?.peek();
    if (first === undefined) return this.#head;
    return this.#head === undefined || isBefore(first, this.#head) ? first : this.#head;
  }

  /** Rows that go before `task`; of those in the list, no more are counted than about `most`. */
  #rowsBefore(task: Task, most: number): number {
    let rows = 0;
    for (const other of this.#overtaking?.entries() ?? []) if (isBefore(other, task)) rows += other.rows;
    const isListed = task.heapIndex === -1;
    for (let other = this.#head; other !== undefined && other !== task && rows < most; other = other.next) {
      if (!isListed && !isBefore(other, task)) break;
      rows += other.rows;
    }
    return rows;
  }

  #overtake(task: Task): void {
    this.#overtaking ??= new Heap(isBefore);
    this.#overtaking.add(task);
    this.#overtakingRows += task.rows;
    if (task.due > this.#overtakingUntil) this.#overtakingUntil = task.due;
  }
}

const NO_SIZES: readonly number[] = [];

function isBefore(a: Task, b: Task): boolean {
  return a.due < b.due || (a.due === b.due && a.enqueuedAt < b.enqueuedAt);
}

/** How much of what is spread evenly over [from, until] lies at or before `at`: 0 to 1. */
function shareBy(at: number, from: number, until: number): number {
  if (at >= until) return 1;
  return at < from ? 0 : (at - from) / (until - from);
}
