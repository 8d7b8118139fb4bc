/**
 * A lane of tasks whose rows differ in length: they may share a run, which pads them to its longest (LengthPadding in
 * core/signature.ts). The tasks stand in a lane's order; which of them a run takes is decided by their lengths, too.
 *
 *   in order    ▎ ▋ ▎ ▌ ▎ ▋ ▎        the head is ▎: its group are those with which one run costs no more than two
 *   next run    ▎   ▎   ▎   ▎        the others wait for the next
 *
 * Rows that are longer than padding is proved for have a lane for each length, in which nothing is padded.
 *
 * None ends later for it: its own run, after this one, ends before one run of both would. The head is always taken, so that
 * none waits for ever. The policy counts with the rows of the head's group first.
 */
import { lengthOf } from '../../core/signature.ts';
import { byteLengthOfAll } from '../../core/tensor.ts';
import type { LatencyView } from '../latency/latency-curve.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { Task } from '../task.ts';
import { CHOICE_BATCHES } from '../tuning.ts';
import { Lane } from './lane.ts';
import { groupOfFirst } from './length-groups.ts';

export class PaddedLane extends Lane {
  override readonly latency: LatencyView = new WaitingRows(this);
  /** The approximate bytes of a row of the request that admission is asked about. */
  override rowBytes = 0;
  readonly #own: OwnRows;
  /** The tasks that a run would take, up to a full batch: the rows up to each, and the longest of these. */
  readonly #ends: number[] = [];
  readonly #longest: number[] = [];
  #isKnown = false;
  /** The last of the tasks that were looked at; undefined where fewer wait than are looked at. */
  #last: Task | undefined;

  /** The plan has a padding. */
  constructor(key: string, plan: SignaturePlan, outputs: readonly string[]) {
    super(key, plan, outputs, undefined);
    this.#own = new OwnRows(plan);
  }

  override get own(): LatencyView {
    return this.#own;
  }

  /** Admission is asked about a request of rows of that length, and of that many bytes a row. */
  expect(length: number, rowBytes: number): void {
    this.#own.length = length;
    this.rowBytes = rowBytes;
  }

  override bytesOf(task: Task): number {
    return task.bytes;
  }

  override push(task: Task): void {
    task.length = lengthOf(this.plan.padding!, task.inputs);
    task.bytes = byteLengthOfAll(task.inputs);
    super.push(task);
    const last = this.#last;
    // While many wait, most come behind those that are looked at.
    if (last === undefined || task.isFirst || task.order < last.order) this.#isKnown = false;
  }

  override remove(task: Task): void {
    super.remove(task);
    this.#isKnown = false;
  }

  /** The length of a run of `rows` rows, at most a full batch. Rows that have not come are as long as usual. */
  lengthFor(rows: number): number {
    if (!this.#isKnown) this.#lookAtFirst();
    const ends = this.#ends;
    for (let i = 0; i < ends.length; i++) if (ends[i]! >= rows) return this.#longest[i]!;
    return Math.max(this.#longest.at(-1) ?? 0, this.plan.curve.usualLength);
  }

  /** The tasks from which the next run's are chosen, in their order. */
  candidates(order: 'oldest' | 'newest'): Task[] {
    const most = CHOICE_BATCHES * this.maxBatchSize;
    const tasks: Task[] = [];
    let rows = 0;
    if (order === 'newest') {
      for (let task = this.newest; task !== undefined && rows < most; task = task.previous) {
        tasks.push(task);
        rows += task.rows;
      }
      if (tasks.length > 0) return tasks;
    }
    for (const task of this.inOrder()) {
      if (rows >= most) break;
      tasks.push(task);
      rows += task.rows;
    }
    return tasks;
  }

  /** The candidates that a run of at most `rows` rows takes, the first always among them. */
  choose(candidates: readonly Task[], rows: number): Task[] {
    const group = this.#groupOf(candidates);
    const chosen: Task[] = [];
    let room = Math.min(rows, this.maxBatchSize);
    for (const task of candidates) {
      if (!group.has(task)) continue;
      if (task.rows > room && chosen.length > 0) break;
      chosen.push(task);
      room -= task.rows;
    }
    return chosen;
  }

  #groupOf(candidates: readonly Task[]): ReadonlySet<Task> {
    const { length } = candidates[0]!;
    // Tasks wait that came before it was found out that padding changes answers.
    if (length > this.plan.padding!.most) return new Set(candidates.filter((task) => task.length === length));
    return groupOfFirst(candidates, this.maxBatchSize, this.plan.curve.costs());
  }

  #lookAtFirst(): void {
    this.#isKnown = true;
    this.#ends.length = 0;
    this.#longest.length = 0;
    const candidates = this.candidates('oldest');
    const all = candidates.reduce((sum, each) => sum + each.rows, 0);
    this.#last = all < CHOICE_BATCHES * this.maxBatchSize ? undefined : candidates.at(-1);
    if (candidates.length === 0) return;
    const group = this.#groupOf(candidates);
    let [rows, longest] = [0, 0];
    const isIn = (task: Task): boolean => group.has(task);
    const others = candidates.filter((task) => !isIn(task));
    for (const task of [...candidates.filter(isIn), ...others]) {
      if (rows >= this.maxBatchSize) break;
      rows += task.rows;
      longest = Math.max(longest, task.length);
      this.#ends.push(rows);
      this.#longest.push(longest);
    }
  }
}

/** The run times of the rows that wait in a lane, in the order in which a run would take them. */
class WaitingRows implements LatencyView {
  readonly #lane: PaddedLane;

  constructor(lane: PaddedLane) {
    this.#lane = lane;
  }

  get isKnown(): boolean {
    return this.#lane.plan.curve.isKnown;
  }

  meanMs(rows: number): number {
    return this.#lane.plan.curve.meanMs(rows, this.#lane.lengthFor(rows));
  }

  highMs(rows: number): number {
    return this.#lane.plan.curve.highMs(rows, this.#lane.lengthFor(rows));
  }

  /** Run times never fall with rows: a search by halves. */
  rowsWithin(budgetMs: number, most: number): number {
    if (!this.isKnown || this.highMs(most) <= budgetMs) return most;
    let [fits, misses] = [0, most];
    while (misses - fits > 1) {
      const rows = (fits + misses) >> 1;
      if (this.highMs(rows) <= budgetMs) fits = rows;
      else misses = rows;
    }
    return fits;
  }
}

/** The run times of rows of one length. */
class OwnRows implements LatencyView {
  length = 0;
  readonly #plan: SignaturePlan;

  constructor(plan: SignaturePlan) {
    this.#plan = plan;
  }

  get isKnown(): boolean {
    return this.#plan.curve.isKnown;
  }

  meanMs(rows: number): number {
    return this.#plan.curve.meanMs(rows, this.length);
  }

  highMs(rows: number): number {
    return this.#plan.curve.highMs(rows, this.length);
  }

  rowsWithin(budgetMs: number, most: number): number {
    return this.#plan.curve.rowsWithin(budgetMs, most, this.length);
  }
}
