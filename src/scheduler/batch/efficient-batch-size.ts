/**
 * The most rows of a run that are worth it, for rows of about one size in bytes. Half and twice the usual size are tried,
 * and the larger one stays only where a row gets cheaper in it:
 *
 *   ms a row │╲
 *            │  ╲___·___        4 rows are worth it, 8 are not: runs have 4 rows
 *            └─1─2─4─8── rows   (and 2 or 8 again after a pause, which doubles)
 *
 * A model whose rows cost the same in any company (images, audio) so runs few rows at a time: its answers come sooner, a
 * run takes less memory, and no core is idle while another runs all that waits. Short runs are not judged: there, what
 * surrounds a run costs more than what its size saves. A larger size is not tried if it would probably take more memory
 * than `maxBytes`, judged by how much the process grew in runs that were larger than any before. Pure.
 */
import type { Instant } from '../../core/clock.ts';
import {
  EFFICIENT_SIZE_COST_SHARE,
  EFFICIENT_SIZE_FIRST_PAUSE_MS,
  EFFICIENT_SIZE_MAX_PAUSE_MS,
  EFFICIENT_SIZE_RUNS,
  EFFICIENT_SIZE_SHORT_RUN_MS,
} from '../tuning.ts';

export interface EfficientBatchSizeOptions {
  readonly maxRows: number;
  /** The rows may take much memory in a run: the first has one row. Else it has any number. */
  readonly isLarge: boolean;
  /** Most memory that runs of several rows may take beside that of one, in bytes. */
  readonly maxBytes: number;
  /** Resident memory of what runs the model, in bytes. */
  readonly readResident: () => number;
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

  /** Most rows of a run of so many threads. `mayTry`: a run of another size makes nobody late. */
  rowsOf(threads: number, mayTry: boolean): number {
    const size = this.#of(threads);
    return mayTry ? size.rowsToTry : size.rows;
  }

  /** A run of requests begins. */
  onStart(rows: number): void {
    this.#memory.onStart(rows);
  }

  /** A run has succeeded. */
  onRun(threads: number, rows: number, runMs: number, now: Instant): void {
    this.#memory.onRun(rows);
    this.#of(threads).onRun(rows, runMs, now);
  }

  #of(threads: number): ThreadBatchSize {
    let size = this.#byThreads.get(threads);
    if (size === undefined) {
      const { maxRows, isLarge } = this.#options;
      size = new ThreadBatchSize(maxRows, !isLarge, (rows) => this.#memory.allows(rows));
      this.#byThreads.set(threads, size);
    }
    return size;
  }
}

/**
 * How much memory rows take in a run. Allocators keep what a run took for the next, so that only a run that is larger than
 * any before makes the process grow:
 *
 *   rows   1     2     4      not measured: what the process grows by between runs
 *   MiB    ▏20   ▏40   ▏80    8 rows: 60 beside one row, and 4 × 20
 */
class GrowthWatch {
  readonly #options: EfficientBatchSizeOptions;
  #largest = 0;
  /** The memory that all runs took beyond that of the first row, in bytes. */
  #grown = 0;
  #rowBytes = 0;
  /** Resident memory when the largest run began. */
  #before = 0;
  /** The process's growth in that run, in bytes, and the rows that caused it. */
  #growth = 0;
  #rows = 1;

  constructor(options: EfficientBatchSizeOptions) {
    this.#options = options;
  }

  onStart(rows: number): void {
    if (rows > this.#largest) this.#before = this.#options.readResident();
  }

  /** Runs that did not begin here, as those at load, are taken to have grown the process before. */
  onRun(rows: number): void {
    if (rows <= this.#largest) return;
    const growth = this.#before === 0 ? 0 : Math.max(0, this.#options.readResident() - this.#before);
    this.#rows = rows - this.#largest;
    this.#rowBytes = growth / this.#rows;
    this.#growth = growth;
    this.#grown += this.#largest === 0 ? growth - this.#rowBytes : growth;
    this.#largest = rows;
  }

  allows(rows: number): boolean {
    this.#forget();
    return this.#grown + (rows - this.#largest) * this.#rowBytes <= this.#options.maxBytes;
  }

  /** Forgets memory that the process has given back since: it was not the rows'. */
  #forget(): void {
    if (this.#growth === 0) return;
    const given = this.#growth - Math.max(0, this.#options.readResident() - this.#before);
    if (given <= 0) return;
    this.#grown = Math.max(0, this.#grown - given);
    this.#growth -= given;
    this.#rowBytes = this.#growth / this.#rows;
  }
}

/**
 * The efficient batch size for runs of one number of threads. Level n is runs of 2ⁿ rows or more, below those of level
 * n + 1. The level beside the one in use is tried, and the better one is used from then on: upwards or downwards until
 * one is kept, then in the other direction after a pause. A level for which too few rows ever wait is given up.
 */
class ThreadBatchSize {
  readonly #maxRows: number;
  readonly #top: number;
  readonly #isRoom: (rows: number) => boolean;
  /** Ms a row of the last EFFICIENT_SIZE_RUNS runs, by level. */
  readonly #costs: number[][];
  #level: number;
  /** Most rows of a run, and of one that makes nobody late. Asked for each batch; only `#set` writes them. */
  rows = 0;
  rowsToTry = 0;
  #step: 1 | -1;
  /** Undefined = none is tried now. */
  #tried: number | undefined;
  /** The level that the tried one is compared with. */
  #beside = 0;
  #pauseMs = EFFICIENT_SIZE_FIRST_PAUSE_MS;
  #retryAt: Instant = -Infinity;
  #giveUpAt: Instant = Infinity;

  constructor(maxRows: number, isFromTop: boolean, isRoom: (rows: number) => boolean) {
    this.#maxRows = maxRows;
    this.#top = Math.ceil(Math.log2(maxRows));
    this.#isRoom = isRoom;
    this.#costs = Array.from({ length: this.#top + 1 }, () => []);
    this.#level = isFromTop ? this.#top : 0;
    this.#step = isFromTop ? -1 : 1;
    this.#set(this.#level, undefined);
  }

  #set(level: number, tried: number | undefined): void {
    this.#level = level;
    this.#tried = tried;
    this.rows = this.#rowsAt(level);
    this.rowsToTry = this.#rowsAt(tried ?? level);
  }

  onRun(rows: number, runMs: number, now: Instant): void {
    const level = rows >= this.#maxRows ? this.#top : Math.floor(Math.log2(rows));
    const costs = this.#costs[level]!;
    costs.push(runMs / rows);
    if (costs.length < EFFICIENT_SIZE_RUNS) return;
    if (costs.length > EFFICIENT_SIZE_RUNS) costs.shift();
    if (level === this.#tried) this.#judge(level, now);
    else if (this.#tried !== undefined && now >= this.#giveUpAt) this.#giveUp(now);
    if (level <= this.#level && this.#tried === undefined && now >= this.#retryAt) this.#tryBeside(level, now);
  }

  /** Runs have had this level lately: all that waited, or the most that they may. */
  #tryBeside(level: number, now: Instant): void {
    const isUp = this.#step === 1;
    if (isUp && level < this.#level) return;
    const next = level + this.#step;
    if (isUp ? next > this.#top || !this.#isRoom(this.#rowsAt(next)) : next < 0 || this.#isShort(level)) {
      if (level === this.#level && this.#level < this.#top) this.#turn(now);
      return;
    }
    this.#set(this.#level, next);
    this.#giveUpAt = now + this.#pauseMs;
    this.#beside = level;
    this.#costs[next] = [];
  }

  /** The size in use stays unless a row is clearly cheaper in the other: runs differ from each other for many reasons. */
  #judge(tried: number, now: Instant): void {
    const beside = this.#beside;
    const isCheaper = this.#costAt(tried) <= EFFICIENT_SIZE_COST_SHARE * this.#costAt(beside);
    const isShort = this.#isShort(Math.max(tried, beside));
    const isKept = isShort ? tried > beside : isCheaper;
    this.#set(isKept ? tried : this.#level, undefined);
    if (!isKept) this.#turn(now);
  }

  #giveUp(now: Instant): void {
    this.#set(this.#level, undefined);
    this.#turn(now);
  }

  #turn(now: Instant): void {
    const isUp = this.#step === 1;
    this.#step = this.#level === 0 || (!isUp && this.#level < this.#top) ? 1 : -1;
    this.#retryAt = now + this.#pauseMs;
    this.#pauseMs = Math.min(EFFICIENT_SIZE_MAX_PAUSE_MS, 2 * this.#pauseMs);
  }

  #isShort(level: number): boolean {
    return this.#costAt(level) * this.#rowsAt(level) <= EFFICIENT_SIZE_SHORT_RUN_MS;
  }

  /** The median of the last runs: a first run that is slow, or one that was disturbed, decides nothing. */
  #costAt(level: number): number {
    return [...this.#costs[level]!].sort((a, b) => a - b)[EFFICIENT_SIZE_RUNS >> 1]!;
  }

  #rowsAt(level: number): number {
    return Math.min(this.#maxRows, 2 ** level);
  }
}
