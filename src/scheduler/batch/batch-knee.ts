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
 * than `maxBytes`, judged by how much the process has grown since the first run of such rows. Pure.
 */
import type { Instant } from '../../core/clock.ts';
import {
  KNEE_COST_SHARE,
  KNEE_FIRST_PAUSE_MS,
  KNEE_MAX_PAUSE_MS,
  KNEE_RUNS,
  KNEE_SHORT_RUN_MS,
  MEAN_WEIGHT,
} from '../tuning.ts';

export interface KneeOptions {
  readonly maxRows: number;
  /** The rows may take much memory in a run: the first has one row. Else it has any number. */
  readonly isLarge: boolean;
  /** Most memory that runs of several rows may take beside that of one, in bytes. */
  readonly maxBytes: number;
  /** Resident memory of what runs the model, in bytes. */
  readonly readResident: () => number;
}

export class BatchKnee {
  readonly #options: KneeOptions;
  /** By the threads of a run: with more of them, a row costs less time. */
  readonly #byThreads = new Map<number, ThreadKnee>();
  readonly #memory: GrowthWatch;

  constructor(options: KneeOptions) {
    this.#options = options;
    this.#memory = new GrowthWatch(options);
  }

  /** Most rows of a run of so many threads. `mayTry`: a run of another size makes nobody late. */
  rowsOf(threads: number, mayTry: boolean): number {
    return this.#of(threads).rowsOf(mayTry);
  }

  /** A run has succeeded. */
  onRun(threads: number, rows: number, runMs: number, now: Instant): void {
    this.#memory.look(rows);
    this.#of(threads).onRun(rows, runMs, now);
  }

  #of(threads: number): ThreadKnee {
    let knee = this.#byThreads.get(threads);
    if (knee === undefined) {
      const { maxRows, isLarge } = this.#options;
      knee = new ThreadKnee(maxRows, !isLarge, (rows) => this.#memory.allows(rows));
      this.#byThreads.set(threads, knee);
    }
    return knee;
  }
}

/** How much memory a row takes in a run. */
class GrowthWatch {
  readonly #options: KneeOptions;
  readonly #before: number;
  #rowBytes = 0;

  constructor(options: KneeOptions) {
    this.#options = options;
    this.#before = options.readResident();
  }

  /** A run of `rows` has ended. Its memory is still the process's: allocators keep it for the next. */
  look(rows: number): void {
    if (this.#rowBytes > 0) return;
    this.#rowBytes = Math.max(0, this.#options.readResident() - this.#before) / rows;
  }

  allows(rows: number): boolean {
    return (rows - 1) * this.#rowBytes <= this.#options.maxBytes;
  }
}

/**
 * The knee of runs of one number of threads. Level n is runs of 2ⁿ rows or more, below those of level n + 1. The level
 * beside the one in use is tried, and the better one is in use from then on: upwards or downwards until one is kept, then
 * in the other direction after a pause.
 */
class ThreadKnee {
  readonly #maxRows: number;
  readonly #top: number;
  readonly #isRoom: (rows: number) => boolean;
  /** Mean ms a row, and runs, by level. */
  readonly #costs: number[];
  readonly #runs: number[];
  #level: number;
  #step: 1 | -1;
  /** Undefined = none is tried now. */
  #tried: number | undefined;
  /** What it is compared with. */
  #beside = 0;
  #pauseMs = KNEE_FIRST_PAUSE_MS;
  #retryAt: Instant = -Infinity;

  constructor(maxRows: number, isFromTop: boolean, isRoom: (rows: number) => boolean) {
    this.#maxRows = maxRows;
    this.#top = Math.ceil(Math.log2(maxRows));
    this.#isRoom = isRoom;
    this.#costs = new Array<number>(this.#top + 1).fill(0);
    this.#runs = new Array<number>(this.#top + 1).fill(0);
    this.#level = isFromTop ? this.#top : 0;
    this.#step = isFromTop ? -1 : 1;
  }

  rowsOf(mayTry: boolean): number {
    return this.#rowsAt(mayTry ? (this.#tried ?? this.#level) : this.#level);
  }

  onRun(rows: number, runMs: number, now: Instant): void {
    const level = rows >= this.#maxRows ? this.#top : Math.floor(Math.log2(rows));
    const runs = this.#runs[level]! + 1;
    this.#runs[level] = runs;
    this.#costs[level] = this.#costs[level]! + Math.max(1 / runs, MEAN_WEIGHT) * (runMs / rows - this.#costs[level]!);
    if (runs < KNEE_RUNS) return;
    if (level === this.#tried) this.#judge(level, now);
    if (level <= this.#level && this.#tried === undefined && now >= this.#retryAt) this.#tryBeside(level, now);
  }

  /** Runs have had this level lately: all that waited, or the most that they may. */
  #tryBeside(level: number, now: Instant): void {
    const isUp = this.#step === 1;
    if (isUp && level < this.#level) return;
    const next = level + this.#step;
    const isShort = this.#msAt(level) <= KNEE_SHORT_RUN_MS;
    if (isUp ? next > this.#top || !this.#isRoom(this.#rowsAt(next)) : next < 0 || isShort) {
      if (level === this.#level && this.#level < this.#top) this.#turn(now);
      return;
    }
    this.#tried = next;
    this.#beside = level;
    this.#runs[next] = 0;
  }

  #judge(tried: number, now: Instant): void {
    const [lower, upper] = [Math.min(tried, this.#beside), Math.max(tried, this.#beside)];
    const isCheaper = this.#costs[upper]! <= KNEE_COST_SHARE * this.#costs[lower]!;
    const isUpper = isCheaper || this.#msAt(upper) <= KNEE_SHORT_RUN_MS;
    this.#tried = undefined;
    if ((isUpper ? upper : lower) === this.#beside) this.#turn(now);
    else this.#level = isUpper ? upper : lower;
  }

  #turn(now: Instant): void {
    const isUp = this.#step === 1;
    this.#step = this.#level === 0 || (!isUp && this.#level < this.#top) ? 1 : -1;
    this.#retryAt = now + this.#pauseMs;
    this.#pauseMs = Math.min(KNEE_MAX_PAUSE_MS, 2 * this.#pauseMs);
  }

  #msAt(level: number): number {
    return this.#costs[level]! * this.#rowsAt(level);
  }

  #rowsAt(level: number): number {
    return Math.min(this.#maxRows, 2 ** level);
  }
}
