/**
 * The most rows of a run that are worth it, for rows of about one size in bytes: 1, 2, 4 … rows, as far as doublings are
 * worth it. Small rows: a doubling is, unless a row gets dearer in it; large ones: only if it gets cheaper.
 *
 *   ms a row │╲
 *            │  ╲___·___        4 rows are worth it, 8 are not: runs have 4 rows
 *            └─1─2─4─8── rows   (and 2 or 8 again after a pause, which doubles)
 *
 * A model whose rows cost the same in any company (images, audio) so runs few rows at a time: its answers come sooner and a
 * run takes less memory. Two sizes are compared by pairs of runs, one of each, shortly after each other and with equally
 * many other runs beside them: a core of its own, and the memory's bandwidth, make more of a difference than a size.
 *
 *   rows  16 8 16 8 16 …   of a crowd, in turn     ──▶ pairs: 8│16  8│16 …  ──▶ the mean of their ratios
 *
 * Short runs are not judged: there, what surrounds a run costs more than what its size saves. Those of many bytes are:
 * what surrounds them is to copy them together, and to read them again from a memory that no cache holds. A larger size is not tried if
 * it would probably take too much memory (growth-watch.ts). Pure.
 */
import type { Instant } from '../../core/clock.ts';
import { powersOfTwo } from '../latency/latency-curve.ts';
import {
  EFFICIENT_SIZE_COST_SHARE,
  EFFICIENT_SIZE_DEVIATIONS,
  EFFICIENT_SIZE_FIRST_PAUSE_MS,
  EFFICIENT_SIZE_MAX_PAUSE_MS,
  EFFICIENT_SIZE_MOST_LOG_RATIO,
  EFFICIENT_SIZE_MOST_PAIRS,
  EFFICIENT_SIZE_PAIR_RUNS,
  EFFICIENT_SIZE_PAIRS,
  EFFICIENT_SIZE_SHORT_RUN_MS,
  EFFICIENT_SIZE_SHORT_RUNS,
} from '../tuning.ts';
import { GrowthWatch, type GrowthWatchOptions } from './growth-watch.ts';

export interface EfficientBatchSizeOptions extends GrowthWatchOptions {
  readonly maxRows: number;
  /** The only sizes that a run may have, ascending; empty = any. Absent: any. */
  readonly allowed?: readonly number[] | undefined;
  /** The rows may take much memory in a run: the first has one row. Else it has any number. */
  readonly isLarge: boolean;
  /** Most rows of a run that is not judged if it is short. Absent: any number. */
  readonly mostUnjudged?: number | undefined;
  /** A run of so many rows may be tried now. Absent: any may. */
  readonly mayTry?: ((rows: number) => boolean) | undefined;
}

/** A run that has succeeded. */
export interface SizedRun {
  readonly threads: number;
  readonly size: number;
  /** The level that `onStart` returned. */
  readonly level: number;
  /** How many other runs were in progress meanwhile. */
  readonly beside: number;
  readonly runMs: number;
}

export class EfficientBatchSize {
  readonly #options: EfficientBatchSizeOptions;
  /** The sizes by the threads of a run: more threads make a row cheaper. */
  readonly #byThreads = new Map<number, ThreadBatchSize>();
  readonly #memory: GrowthWatch;

  constructor(options: EfficientBatchSizeOptions) {
    this.#options = options;
    this.#memory = new GrowthWatch(options);
  }

  /** Most rows of a run of so many threads. */
  rowsOf(threads: number): number {
    return this.#of(threads).rows;
  }

  /** Another size, which the next run should have if it makes nobody late and `waiting` rows are enough; 0 = none. */
  rowsToTry(threads: number, waiting: number, now: Instant): number {
    return this.#of(threads).rowsToTry(waiting, now);
  }

  /**
   * A run of requests begins; `next` = the rows of the request behind them, 0 = none waits. Returns n where the run is as
   * large as it may be at level n, else -1.
   */
  onStart(threads: number, size: number, next: number): number {
    this.#memory.onStart(size);
    return this.#of(threads).onStart(size, next);
  }

  /** A run has succeeded. */
  onRun(run: SizedRun, now: Instant): void {
    this.#memory.onRun(run.size);
    this.#of(run.threads).onRun(run, now);
  }

  /** A run of exactly so many rows that was measured at load, when nothing ran beside it. */
  seed(threads: number, size: number, runMs: number, now: Instant): void {
    this.onRun({ threads, size, level: this.#of(threads).levelOf(size, 0), beside: 0, runMs }, now);
  }

  #of(threads: number): ThreadBatchSize {
    let size = this.#byThreads.get(threads);
    if (size === undefined) {
      const { mayTry } = this.#options;
      size = new ThreadBatchSize(this.#options, (rows) => mayTry?.(rows) !== false && this.#memory.allows(rows));
      this.#byThreads.set(threads, size);
    }
    return size;
  }
}

/**
 * The efficient batch size for runs of one number of threads. Level n is runs of up to 2ⁿ rows that no more would fit into,
 * or of the nth allowed size: others would be padded to it, and never be seen.
 */
class ThreadBatchSize {
  readonly #sizes: readonly number[];
  readonly #isRoom: (rows: number) => boolean;
  /** The doublings of rows: the nth compares level n + 1 with level n. */
  readonly #doublings: readonly Doubling[];
  #level: number;
  /** Most rows of a run. Asked for each batch; only `#use` writes it. */
  rows = 0;

  constructor(options: EfficientBatchSizeOptions, isRoom: (rows: number) => boolean) {
    const { maxRows, allowed = [], isLarge, mostUnjudged = Infinity } = options;
    this.#sizes = allowed.length > 0 ? allowed : powersOfTwo(maxRows);
    this.#isRoom = isRoom;
    this.#doublings = this.#sizes.slice(1).map(() => new Doubling(isLarge, mostUnjudged));
    this.#level = isLarge ? 0 : this.#doublings.length;
    this.#use(this.#level);
  }

  /** The size that has its turn after a run of `rows`; the larger one is tried first. */
  rowsToTry(waiting: number, now: Instant): number {
    if (waiting < this.rows) return 0;
    const larger = this.#rowsAt(this.#level + 1);
    const up = this.#doublings[this.#level];
    if (waiting >= larger && up?.isDue(now) === true) {
      if (up.wasLarger !== false) return 0;
      if (this.#isRoom(larger)) return larger;
      up.wait(now);
    }
    const down = this.#doublings[this.#level - 1];
    return down?.wasLarger === true && down.isLong && down.isDue(now) ? this.#rowsAt(this.#level - 1) : 0;
  }

  onStart(size: number, next: number): number {
    const level = this.levelOf(size, next);
    const [above, below] = [this.#doublings[level - 1], this.#doublings[level]];
    if (above !== undefined) above.wasLarger = true;
    if (below !== undefined) below.wasLarger = false;
    return level;
  }

  /** The level that the rows fill, `next` more do not fit in; −1 = none. */
  levelOf(size: number, next: number): number {
    let level = 0;
    while (this.#rowsAt(level) < size) level += 1;
    const most = this.#rowsAt(level);
    return size === most || (next > 0 && size + next > most) ? level : -1;
  }

  onRun(run: SizedRun, now: Instant): void {
    const { level } = run;
    if (level === -1) return;
    this.#doublings[level]?.onRun(false, run, now);
    this.#doublings[level - 1]?.onRun(true, run, now);
    if (this.#doublings[this.#level - 1]?.isWorth === false) this.#use(this.#level - 1);
    else if (this.#doublings[this.#level]?.isWorth === true) this.#use(this.#level + 1);
  }

  #use(level: number): void {
    this.#level = level;
    this.rows = this.#rowsAt(level);
  }

  #rowsAt(level: number): number {
    return this.#sizes[level] ?? Infinity;
  }
}

interface UnpairedRun {
  readonly rowMs: number;
  readonly runMs: number;
  readonly endedAt: Instant;
}

/** Whether runs of twice the rows are worth it. */
class Doubling {
  isWorth: boolean;
  /** Largest cost of a row in the larger size, over that in the smaller, with which it is worth it; as a logarithm. */
  readonly #limit: number;
  /** The pairs since it was judged: how many, their mean ratio as a logarithm, and the squares of the deviations from it. */
  #pairs = 0;
  #mean = 0;
  #squares = 0;
  /** Runs that wait for one of the other size, by how many ran beside them. */
  readonly #smaller = new Map<number, UnpairedRun[]>();
  readonly #larger = new Map<number, UnpairedRun[]>();
  /** Whether the last run of one of the sizes to begin was of the larger. Undefined: there was none. */
  wasLarger: boolean | undefined;
  readonly #mostUnjudged: number;
  /** The last run of the larger size took more than next to no time, or had many bytes. */
  isLong = false;
  /** Runs of the larger size that took next to no time. */
  #shortRuns = 0;
  #dueAt: Instant = -Infinity;
  #pauseMs = EFFICIENT_SIZE_FIRST_PAUSE_MS;

  constructor(isLarge: boolean, mostUnjudged: number) {
    this.isWorth = !isLarge;
    this.#mostUnjudged = mostUnjudged;
    this.#limit = Math.log(isLarge ? EFFICIENT_SIZE_COST_SHARE : 1 / EFFICIENT_SIZE_COST_SHARE);
  }

  /** Pairs are wanted. */
  isDue(now: Instant): boolean {
    return now >= this.#dueAt;
  }

  /** Pairs are wanted after a pause. */
  wait(now: Instant): void {
    this.#dueAt = now + this.#pauseMs;
  }

  onRun(isLarger: boolean, { size, beside, runMs }: SizedRun, now: Instant): void {
    if (isLarger) {
      this.isLong = runMs > EFFICIENT_SIZE_SHORT_RUN_MS || size > this.#mostUnjudged;
      if (!this.isLong) {
        // Not the first: a server that gets busy grows, and a larger run would be taken for the cause.
        this.#shortRuns += 1;
        this.isWorth ||= this.#shortRuns >= EFFICIENT_SIZE_SHORT_RUNS;
        return;
      }
    }
    const run = { rowMs: runMs / size, runMs, endedAt: now };
    const other = (isLarger ? this.#smaller : this.#larger).get(beside)?.pop();
    if (other === undefined || now - other.endedAt > EFFICIENT_SIZE_PAIR_RUNS * (runMs + other.runMs)) {
      const own = isLarger ? this.#larger : this.#smaller;
      const last = own.get(beside) ?? [];
      last.push(run);
      if (last.length > EFFICIENT_SIZE_PAIR_RUNS) last.shift();
      own.set(beside, last);
      return;
    }
    this.#learn(Math.log(isLarger ? run.rowMs / other.rowMs : other.rowMs / run.rowMs), now);
  }

  /** Judges as soon as the noise of the pairs leaves no doubt, or would leave it for long: then both sizes are as good. */
  #learn(ratio: number, now: Instant): void {
    const clamped = Math.max(-EFFICIENT_SIZE_MOST_LOG_RATIO, Math.min(EFFICIENT_SIZE_MOST_LOG_RATIO, ratio));
    this.#pairs += 1;
    const deviation = clamped - this.#mean;
    this.#mean += deviation / this.#pairs;
    this.#squares += deviation * (clamped - this.#mean);
    if (this.#pairs < EFFICIENT_SIZE_PAIRS) return;
    const doubt = (EFFICIENT_SIZE_DEVIATIONS * Math.sqrt(this.#squares)) / this.#pairs;
    const isClear = Math.abs(this.#mean - this.#limit) > doubt;
    if (isClear || this.#pairs === EFFICIENT_SIZE_MOST_PAIRS)
      this.#judge(isClear ? this.#mean < this.#limit : this.isWorth, now);
  }

  #judge(isWorth: boolean, now: Instant): void {
    this.#pairs = 0;
    this.#mean = 0;
    this.#squares = 0;
    if (isWorth !== this.isWorth) this.#pauseMs = EFFICIENT_SIZE_FIRST_PAUSE_MS;
    this.isWorth = isWorth;
    this.wait(now);
    this.#pauseMs = Math.min(EFFICIENT_SIZE_MAX_PAUSE_MS, 2 * this.#pauseMs);
  }
}
