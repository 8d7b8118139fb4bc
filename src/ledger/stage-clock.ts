/**
 * The time that a request spent in each of its eight stages, as nine instants.
 *
 *   receive │ decode │ admit │ queue │ batch │ execute │ split │ encode │
 *   0       1        2       3       4       5         6       7        8
 *
 * Instant i is the start of stage i and the end of stage i − 1, so the stages add up to the whole. Span names, metric
 * labels and docs/why/life-of-a-request.md use the same names:
 * - receive: from the first header until the body is complete
 * - decode: bytes → tensors
 * - admit: model, signature and input checks; a lane is chosen
 * - queue: the request waits for a slot
 * - batch: rows are copied together
 * - execute: the host runs the session (its thread hop included)
 * - split: outputs are cut into each member's views
 * - encode: tensors → bytes, given to the connection
 *
 * Instants are monotonic ms; 0 = not reached. A request that fails ends in the stage that it had reached. Spans are
 * made from these numbers later, and only for requests that are sampled or kept.
 */
import type { Instant } from '../core/clock.ts';

export const STAGES = ['receive', 'decode', 'admit', 'queue', 'batch', 'execute', 'split', 'encode'] as const;
export type Stage = (typeof STAGES)[number];

/**
 * How many numbers `copyTo` writes: the starts of the stages, the end, and the index of the stage that was reached. A
 * stage that was not reached starts at the end there, so that the length of each is the next number less its own.
 */
export const STAGE_CLOCK_NUMBERS = STAGES.length + 2;

export const STAGE_RECEIVE = 0;
export const STAGE_DECODE = 1;
export const STAGE_ADMIT = 2;
export const STAGE_QUEUE = 3;
export const STAGE_BATCH = 4;
export const STAGE_EXECUTE = 5;
export const STAGE_SPLIT = 6;
export const STAGE_ENCODE = 7;

export class StageClock {
  /** Starts of the stages. −0 makes V8 use an array of doubles, which is faster to create than a Float64Array. */
  readonly #starts = [-0, -0, -0, -0, -0, -0, -0, -0];
  /** 0 until `finish`. */
  finishedAt: Instant = 0;
  #reached = 0;

  constructor(receivedAt: Instant) {
    this.#starts[STAGE_RECEIVE] = receivedAt;
  }

  /** Ends the current stage and starts `stage`. Stages are entered in order; skipped ones last 0 ms. */
  enter(stage: number, at: Instant): void {
    for (let i = this.#reached + 1; i <= stage; i++) this.#starts[i] = at;
    this.#reached = stage;
  }

  /** Ends the request in the current stage. Only the first call counts. */
  finish(at: Instant): void {
    if (this.finishedAt === 0) this.finishedAt = at;
  }

  /** Writes its state to `numbers`: STAGE_CLOCK_NUMBERS numbers from index `at` on. */
  copyTo(numbers: Float64Array, at: number): void {
    const starts = this.#starts;
    const { finishedAt } = this;
    // A loop is faster than a call of TypedArray.set.
    for (let i = 0; i < STAGES.length; i++) numbers[at + i] = i > this.#reached ? finishedAt : starts[i]!;
    numbers[at + STAGES.length] = finishedAt;
    numbers[at + STAGES.length + 1] = this.#reached;
  }

  /** A clock with the state that `copyTo` wrote. */
  static from(numbers: Float64Array, at: number): StageClock {
    const clock = new StageClock(0);
    clock.read(numbers, at);
    return clock;
  }

  /** Takes on the state that `copyTo` wrote. */
  read(numbers: Float64Array, at: number): void {
    const starts = this.#starts;
    const reached = numbers[at + STAGES.length + 1]!;
    for (let i = 0; i < STAGES.length; i++) starts[i] = i > reached ? 0 : numbers[at + i]!;
    this.finishedAt = numbers[at + STAGES.length]!;
    this.#reached = reached;
  }

  get startedAt(): Instant {
    return this.#starts[STAGE_RECEIVE]!;
  }

  /** The stage that the request is in, or ended in. */
  get reached(): Stage {
    return STAGES[this.#reached]!;
  }

  /** The stage was entered. */
  has(stage: number): boolean {
    return stage <= this.#reached;
  }

  startOf(stage: number): Instant {
    return this.#starts[stage]!;
  }

  /** End of a stage that was entered; the request's end for the last one. */
  endOf(stage: number): Instant {
    return stage === this.#reached ? this.finishedAt : this.#starts[stage + 1]!;
  }

  /** Length of a stage in ms, 0 if it was not entered. `end`: when the last stage ended, or is to end. */
  lengthOf(stage: number, end: Instant = this.finishedAt): number {
    if (stage > this.#reached) return 0;
    return (stage === this.#reached ? end : this.#starts[stage + 1]!) - this.#starts[stage]!;
  }
}
