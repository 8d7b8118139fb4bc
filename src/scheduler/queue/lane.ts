/**
 * Tasks that may share a run: same signature, same outputs, and in each input the same dtype and shape beside dim 0.
 * The task whose order is lowest is at the head: mostly the one that is due first.
 *
 *    oldest                           newest
 *   ┌──────┐ next  ┌──────┐   next  ┌──────┐
 *   │ task │ ────▶ │ task │ ──────▶ │ task │ ──▶ undefined
 *   │      │ ◀──── │      │ ◀────── │      │
 *   └──────┘ prev  └──────┘   prev  └──────┘
 *
 *   + a heap of the tasks that overtake: their order was before the tail's when they came
 *
 * Tasks whose order is that in which they came (no deadlines, or all the same) are all in the list, in O(1). A task that
 * goes before the tail is in the heap, in O(log n). The head is the earlier of the two heads.
 *
 * The links are in the tasks themselves, so that a task whose client has left or whose deadline has passed is removed
 * from the middle in O(1): the lane never holds a task that is no longer wanted.
 *
 * Invariants: `queuedRows` and `queuedTasks` are the sums over both; a task's `lane` is this lane exactly while it is
 * in one of them; `order` never falls along the list; no task has more rows than `maxBatchSize`.
 *
 * push, remove, head: O(1) in the list, nothing allocated.
 */
import type { Instant } from '../../core/clock.ts';
import type { DenseSetMember } from '../../core/collections/dense-set.ts';
import { Heap } from '../../core/collections/heap.ts';
import type { EfficientBatchSize } from '../batch/efficient-batch-size.ts';
import type { LatencyView } from '../latency/latency-curve.ts';
import type { QueuedDeadline, SlackFacts } from '../policy/batch-policy.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { Task, TaskGroup, TaskLane } from '../task.ts';

/** A failed batch whose parts are run again (batch/isolation.ts), or a run that judges the runtime (batch/judge.ts). */
export interface RerunGroup extends TaskGroup {
  /** Its run judges the runtime, and is not judged. */
  readonly isTrial: boolean;
  /** A part was answered. */
  readonly hasAnswered: boolean;
  onAnswered(): void;
  /** The values of this caller's request are at fault. */
  onFault(caller: string): void;
  /** A part has failed, and nothing says that its values are at fault. */
  onUnexplained(): void;
  /** A part has held a slot for so long, whether it failed or not. */
  onRerun(ms: number): void;
}

/** Why a lane's tasks are run again, and how many rows they have in all. */
export interface IsolatedRows {
  readonly group: RerunGroup;
  readonly rows: number;
}

/** A place among tasks that wait, as in Task. */
export interface Place {
  readonly order: Instant;
  readonly isFirst: boolean;
}

/** The time in ms by which tasks that go first seem earlier than their order to other lanes. */
const FIRST_LEAD_MS = 1e6;

export class Lane implements SlackFacts, TaskLane, DenseSetMember {
  readonly key: string;
  readonly plan: SignaturePlan;
  readonly latency: LatencyView;
  /** Sizes that its batches may have; empty = any. */
  readonly sizes: readonly number[];
  /** Outputs that every task in it asks for. */
  readonly outputs: readonly string[];
  /**
   * Set where each task is run alone, neither sliced nor padded: the size to report for it. 1 where the signature has
   * no batch axis, 0 for a request without rows. Undefined in an ordinary lane.
   */
  readonly wholeSize: number | undefined;
  /**
   * Most rows in one run of this lane. In an isolated lane the rows that it holds: it is full and waits for no others.
   */
  maxBatchSize: number;
  /** The approximate bytes of one row of all inputs. */
  readonly rowBytes: number;
  /** The most rows that are worth a run; undefined = any size up to `maxBatchSize` is worth it. */
  readonly efficientSize: EfficientBatchSize | undefined;
  /** Set in a lane of tasks that are run again because their batch failed. No other task joins it. */
  readonly isolation: RerunGroup | undefined;
  /** Its tasks have shapes that are not the declared ones: their runs say nothing of the others'. */
  readonly isOdd: boolean;
  /** The quarantined caller that all of its tasks are of (batch/quarantined-callers.ts). Undefined = all others. */
  quarantined: string | undefined = undefined;
  /** Written by the TaskQueue: its place among the lanes that hold tasks, and whether it is kept without any. */
  setIndex = -1;
  isKept = false;
  /** The task that goes first; of two of the same order, the older. Only `push` and `remove` write it. */
  head: Task | undefined;
  /** The first and the last task of the list. */
  #head: Task | undefined;
  #tail: Task | undefined;
  /** Only `push` and `remove` write these. */
  queuedRows = 0;
  queuedTasks = 0;
  /** Tasks whose client set a deadline. */
  #withDeadline = 0;
  #overtaking: Heap<Task> | undefined;
  #overtakingRows = 0;
  /** The rows among these that go first. */
  #firstRows = 0;
  /** Latest `order` of these since there was none. */
  #firstUntil: Instant = -Infinity;
  /** Latest `order` of the tasks in the heap since it was last empty. */
  #overtakingUntil: Instant = -Infinity;

  constructor(
    key: string,
    plan: SignaturePlan,
    outputs: readonly string[],
    wholeSize: number | undefined,
    rowBytes = 0,
    isolated?: IsolatedRows,
    isOdd = false,
  ) {
    this.key = key;
    this.plan = plan;
    this.latency = plan.curve;
    this.sizes = wholeSize === undefined ? plan.sizes : NO_SIZES;
    this.outputs = outputs;
    this.wholeSize = wholeSize;
    this.maxBatchSize = isolated?.rows ?? (wholeSize === undefined ? plan.maxBatchSize : 1);
    this.rowBytes = rowBytes;
    // The rows of a PaddedLane differ, and so do their bytes.
    const isOrdinary = wholeSize === undefined && isolated === undefined && rowBytes > 0;
    this.efficientSize = isOrdinary ? plan.efficientSizeOf(rowBytes) : undefined;
    this.isolation = isolated?.group;
    this.isOdd = isOdd;
  }

  /** The task that came last, behind those that go first; undefined where another has overtaken it. */
  get newest(): Task | undefined {
    const first = this.#overtaking?.peek();
    if (first === undefined) return this.#tail;
    return first.isFirst ? first : undefined;
  }

  /** The most rows of a run that are worth it; see SlackFacts. */
  mostRows(): number {
    return this.mostRowsOf(this.plan.curve.threads);
  }

  /** The same of a run of so many threads. */
  mostRowsOf(threads: number): number {
    const { efficientSize: size } = this;
    return size === undefined ? this.maxBatchSize : Math.min(this.maxBatchSize, size.rowsOf(threads));
  }

  rowsToTry(now: Instant): number {
    return this.efficientSize?.rowsToTry(this.plan.curve.threads, this.queuedRows, now) ?? 0;
  }

  get headRows(): number {
    return this.head?.rows ?? 0;
  }

  get headDue(): Instant {
    return this.head?.due ?? Infinity;
  }

  get headOrder(): Instant {
    const { head } = this;
    if (head === undefined) return Infinity;
    return head.isFirst ? head.order - FIRST_LEAD_MS : head.order;
  }

  get isHeadSoft(): boolean {
    return this.head?.isSoft ?? false;
  }

  get isHeadSpared(): boolean {
    return this.head?.isSpared ?? false;
  }

  /** Infinity in an empty lane. */
  get oldestEnqueuedAt(): Instant {
    return this.head?.enqueuedAt ?? Infinity;
  }

  /** Adds a task that is in no lane. */
  push(task: Task): void {
    const tail = this.#tail;
    task.lane = this;
    this.queuedRows += task.rows;
    this.queuedTasks += 1;
    // A task may leave it and come again, to go first.
    if (this.isolation !== undefined) this.maxBatchSize = this.queuedRows;
    if (!task.isSoft) this.#withDeadline += 1;
    if (task.isFirst || (tail !== undefined && task.order < tail.order)) this.#overtake(task);
    else {
      task.previous = tail;
      if (tail === undefined) this.#head = task;
      else tail.next = task;
      this.#tail = task;
    }
    this.head = this.#first();
  }

  /**
   * The approximate rows that go no later than the place. Exact where that is all or none of the list (or the heap);
   * else as if its rows were spread evenly over its time.
   */
  rowsBefore({ order, isFirst }: Place): number {
    const first = this.#overtaking?.peek();
    let rows = this.#firstRows;
    if (isFirst) return rows === 0 ? 0 : rows * shareBy(order, first!.order, this.#firstUntil);
    const listRows = this.queuedRows - this.#overtakingRows;
    if (listRows > 0) rows += listRows * shareBy(order, this.#head!.order, this.#tail!.order);
    if (first === undefined) return rows;
    // Those that go first hide the earliest of the others: it is about as early as the list's.
    const from = first.isFirst ? (this.#head?.order ?? this.#overtakingUntil) : first.order;
    return rows + (this.#overtakingRows - this.#firstRows) * shareBy(order, from, this.#overtakingUntil);
  }

  firstDeadline(rows: number): QueuedDeadline | undefined {
    if (this.#withDeadline === 0) return undefined;
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

  /** How long a request takes by itself that admission is asked about now; `latency` is for the policy. */
  get own(): LatencyView {
    return this.latency;
  }

  /** The approximate bytes of the inputs of one of its tasks. */
  bytesOf(task: Task): number {
    return task.rows * this.rowBytes;
  }

  arrivalRows(now: Instant): number {
    return this.isolation === undefined ? this.plan.arrivals.perMs(now) : 0;
  }

  /** Every task, in the order in which they go. The lane may not change meanwhile. */
  *inOrder(): Iterable<Task> {
    let listed = this.#head;
    for (const first of this.#overtaking?.inOrder() ?? []) {
      for (; listed !== undefined && !isBefore(first, listed); listed = listed.next) yield listed;
      yield first;
    }
    for (; listed !== undefined; listed = listed.next) yield listed;
  }

  /** Every task, in no particular order. Not for the request path. */
  *tasks(): Iterable<Task> {
    for (let task = this.#head; task !== undefined; task = task.next) yield task;
    yield* this.#overtaking?.entries() ?? [];
  }

  remove(task: Task): void {
    this.queuedRows -= task.rows;
    this.queuedTasks -= 1;
    if (!task.isSoft) this.#withDeadline -= 1;
    if (this.isolation !== undefined) this.maxBatchSize = this.queuedRows;
    if (task.heapIndex !== -1) {
      this.#overtaking!.remove(task);
      this.#overtakingRows -= task.rows;
      if (task.isFirst) this.#firstRows -= task.rows;
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

  /** Rows that go before `task`. In the list, counting stops at about `most`. */
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
    if (task.isFirst) {
      this.#firstUntil = this.#firstRows === 0 ? task.order : Math.max(this.#firstUntil, task.order);
      this.#firstRows += task.rows;
    } else if (task.order > this.#overtakingUntil) this.#overtakingUntil = task.order;
  }
}

const NO_SIZES: readonly number[] = [];

function isBefore(a: Task, b: Task): boolean {
  if (a.isFirst !== b.isFirst) return a.isFirst;
  return a.order < b.order || (a.order === b.order && a.enqueuedAt < b.enqueuedAt);
}

/** The share of [from, until] that lies at or before `at`: 0 to 1. */
function shareBy(at: number, from: number, until: number): number {
  if (at >= until) return 1;
  return at < from ? 0 : (at - from) / (until - from);
}
