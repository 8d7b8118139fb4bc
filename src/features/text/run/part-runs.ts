/**
 * The runs of one request of texts: texts of one length are a part, and each part is a request of its own to the
 * scheduler, which pads those of different lengths into shared runs where that is proved, and nowhere else.
 *
 *   lengths 5 5 7 9 9 9 …  ─▶  parts [2,5] [1,7] [3,9] …  ─▶  so many rows and tokens at a time, others' come in between
 *
 * The first error ends the request: parts that wait leave the queue.
 */
import type { CancelListener } from '../../../core/cancel.ts';
import type { Clock } from '../../../core/clock.ts';
import { ServingError, toServingError } from '../../../core/errors.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import { STAGE_EXECUTE, STAGE_SPLIT } from '../../../ledger/stage-clock.ts';
import type { ServableRunner } from '../../../models/serving/servable.ts';
import type { TaskContext } from '../../../scheduler/task.ts';
import { PartContext } from './part-context.ts';

/** Rows of one length. */
export interface Part {
  readonly inputs: TensorMap;
  /** The rows of the request, by their places in it. */
  readonly rows: readonly number[];
  readonly length: number;
}

export interface PartRunsOptions {
  readonly inner: ServableRunner;
  readonly signatureName: string;
  readonly outputs: readonly string[];
  readonly clock: Clock;
  /** Reads the outputs of a part. May take several turns of the event loop. */
  readonly take: (part: Part, outputs: TensorMap) => void | Promise<void>;
}

/** The parts of one request that are under way at a time: enough to fill runs, few enough to let others in. */
const MOST_ROWS = 64;
const MOST_TOKENS = 16_384;

/** Runs all parts. Rejects with the first error, or with the cancel reason. */
export async function runParts(parts: readonly Part[], context: TaskContext, options: PartRunsOptions): Promise<void> {
  const [only] = parts;
  if (parts.length !== 1) return new PartRuns(parts, context, options).start();
  const { inner, signatureName, outputs, take } = options;
  await take(only!, await inner.submit({ signatureName, inputs: only!.inputs, outputs, context }));
}

class PartRuns implements CancelListener {
  readonly #parts: readonly Part[];
  readonly #context: TaskContext;
  readonly #options: PartRunsOptions;
  readonly #running = new Set<PartContext>();
  #next = 0;
  #done = 0;
  #rows = 0;
  #tokens = 0;
  #resolve!: () => void;
  #reject!: (error: ServingError) => void;
  #isSettled = false;

  constructor(parts: readonly Part[], context: TaskContext, options: PartRunsOptions) {
    this.#parts = parts;
    this.#context = context;
    this.#options = options;
  }

  /** Call once. Owns the request's cancel listener until it settles. */
  start(): Promise<void> {
    const context = this.#context;
    context.cancel.throwIfCancelled();
    const ended = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    context.cancel.listener = this;
    context.stages.enter(STAGE_EXECUTE, this.#options.clock.nowMs());
    this.#startMore();
    return ended;
  }

  onCancel(reason: ServingError): void {
    this.#fail(reason);
  }

  #startMore(): void {
    while (!this.#isSettled && this.#next < this.#parts.length) {
      const part = this.#parts[this.#next]!;
      const [rows, tokens] = [part.rows.length, part.rows.length * part.length];
      const isFull = this.#rows + rows > MOST_ROWS || this.#tokens + tokens > MOST_TOKENS;
      if (isFull && this.#running.size > 0) return;
      this.#next += 1;
      this.#rows += rows;
      this.#tokens += tokens;
      void this.#run(part);
    }
  }

  async #run(part: Part): Promise<void> {
    const { inner, signatureName, outputs, clock, take } = this.#options;
    const context = new PartContext(this.#context, clock.nowMs());
    this.#running.add(context);
    try {
      const given = await inner.submit({ signatureName, inputs: part.inputs, outputs, context });
      if (this.#isSettled) return;
      this.#context.batch ??= context.batch;
      await take(part, given);
    } catch (thrown) {
      this.#fail(toServingError(thrown));
    } finally {
      this.#running.delete(context);
      this.#rows -= part.rows.length;
      this.#tokens -= part.rows.length * part.length;
      this.#done += 1;
      if (this.#done === this.#parts.length) this.#succeed();
      else this.#startMore();
    }
  }

  #succeed(): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#resolve();
  }

  #fail(error: ServingError): void {
    if (this.#isSettled) return;
    this.#settle();
    const isOver = error.kind === 'cancelled' || error.kind === 'deadline_exceeded';
    const reason = isOver ? error : new ServingError('cancelled', 'another text of the request has failed');
    for (const { cancel } of this.#running) cancel.cancel(reason);
    this.#reject(error);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#context.cancel.listener = undefined;
    this.#context.stages.enter(STAGE_SPLIT, this.#options.clock.nowMs());
  }
}
