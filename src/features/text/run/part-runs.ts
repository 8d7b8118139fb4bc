/**
 * The runs of one request of texts: texts of one length are a part, and each part is a request of its own to the
 * scheduler, which pads those of different lengths into shared runs where that is proved, and nowhere else.
 *
 *   lengths 5 5 7 9 9 9 …  ─▶  parts [2,5] [1,7] [3,9] …  ─▶  so many rows and tokens at a time, others' come in between
 *
 * All parts are admitted as one request before the first is sent: they would end in time, or nothing runs
 * (ServableRunner.admit). The first error ends the request: parts that wait leave the queue. Only a full queue is none: the
 * parts that found no room are sent again as others of the request end, fewer at a time, or after a while.
 */
import type { CancelListener } from '../../../core/cancel.ts';
import type { Clock, TimerHandle } from '../../../core/clock.ts';
import { ServingError, toServingError } from '../../../core/errors.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import { STAGE_EXECUTE, STAGE_SPLIT } from '../../../ledger/stage-clock.ts';
import { PartContext } from '../../../models/serving/part-context.ts';
import type { RunContext, ServableRunner } from '../../../models/serving/servable.ts';
import type { AdmittedWork } from '../../../scheduler/admission/promised-work.ts';

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
  /** Tokens that are under way at a time. A part with more is run alone. */
  readonly mostTokens: number;
  /** Reads the outputs of a part. May take several turns of the event loop. */
  readonly take: (part: Part, outputs: TensorMap) => void | Promise<void>;
}

/** Rows of one request that are under way at a time: enough to fill runs, few enough to let others in. */
const MOST_ROWS = 64;
/** A part that found no room is sent again after so long at most. */
const RETRY_MS = 100;

/** Runs all parts. Rejects with the refusal of all, the first error, or the cancel reason. */
export async function runParts(parts: readonly Part[], context: RunContext, options: PartRunsOptions): Promise<void> {
  const [only] = parts;
  if (parts.length !== 1) return new PartRuns(parts, context, options).start();
  const { inner, signatureName, outputs, take } = options;
  await take(only!, await inner.submit({ signatureName, inputs: only!.inputs, outputs, context }));
}

class PartRuns implements CancelListener {
  readonly #count: number;
  readonly #context: RunContext;
  readonly #options: PartRunsOptions;
  readonly #running = new Set<PartContext>();
  readonly #waiting: Part[];
  #mostRows = MOST_ROWS;
  /** Undefined: each part is admitted by itself. */
  #admitted: AdmittedWork | undefined;
  #retry: TimerHandle | undefined;
  #done = 0;
  #rows = 0;
  #tokens = 0;
  #resolve!: () => void;
  #reject!: (error: ServingError) => void;
  #isSettled = false;

  constructor(parts: readonly Part[], context: RunContext, options: PartRunsOptions) {
    this.#waiting = [...parts];
    this.#count = parts.length;
    this.#context = context;
    this.#options = options;
  }

  /** Call once. Owns the request's cancel listener until it settles. Throws if the request is refused. */
  start(): Promise<void> {
    const context = this.#context;
    const { inner, signatureName, outputs } = this.#options;
    context.cancel.throwIfCancelled();
    if (this.#count === 0) return Promise.resolve();
    const parts = this.#waiting.map(({ inputs }) => inputs);
    this.#admitted = inner.admit?.({ signatureName, outputs, context, parts });
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

  /** A refusal comes at once, so that a part which found no room, with none left to end, waits for the timer. */
  get #maySend(): boolean {
    return !this.#isSettled && this.#retry === undefined;
  }

  #startMore(): void {
    for (let part = this.#waiting[0]; part !== undefined && this.#maySend; part = this.#waiting[0]) {
      const tokens = part.rows.length * part.length;
      const isFull = this.#rows + part.rows.length > this.#mostRows || this.#tokens + tokens > this.#options.mostTokens;
      if (isFull && this.#running.size > 0) return;
      this.#waiting.shift();
      this.#rows += part.rows.length;
      this.#tokens += tokens;
      void this.#run(part);
    }
  }

  async #run(part: Part): Promise<void> {
    const { inner, signatureName, outputs, take } = this.#options;
    const context = new PartContext(this.#context, this.#admitted);
    this.#running.add(context);
    let error: ServingError | undefined;
    try {
      const given = await inner.submit({ signatureName, inputs: part.inputs, outputs, context });
      if (!this.#isSettled) await take(part, given);
    } catch (thrown) {
      error = toServingError(thrown);
    }
    this.#running.delete(context);
    this.#rows -= part.rows.length;
    this.#tokens -= part.rows.length * part.length;
    if (this.#isSettled) return;
    context.tell(this.#context);
    if (error === undefined) this.#onAnswer(part);
    else if (this.#mayComeAgain(error)) return this.#putBack(part, error);
    else return this.#fail(error);
    if (this.#done === this.#count) this.#succeed();
    else this.#startMore();
  }

  #onAnswer({ rows }: Part): void {
    this.#done += 1;
    // The queue may have room again.
    this.#mostRows = Math.min(MOST_ROWS, this.#mostRows + rows.length);
  }

  /** The request was admitted, or others of its parts were, and the queue is full now. */
  #mayComeAgain({ attributes }: ServingError): boolean {
    const { reason } = attributes ?? {};
    const isAdmitted = this.#admitted !== undefined || this.#running.size > 0;
    const isFull = reason === 'queue_full' || reason === 'queue_memory';
    const isLate =
      this.#context.hasOwnDeadline === false && (reason === 'standing_queue' || reason === 'predicted_late');
    return isAdmitted && (isFull || isLate);
  }

  #putBack(part: Part, { retryAfterMs = RETRY_MS }: ServingError): void {
    this.#waiting.unshift(part);
    this.#mostRows = Math.max(1, this.#rows);
    // Another that ends starts it; where none is left, the time does.
    if (this.#running.size > 0 || this.#retry !== undefined) return;
    const { clock } = this.#options;
    this.#retry = clock.setTimer(clock.nowMs() + Math.min(retryAfterMs, RETRY_MS), () => {
      this.#retry = undefined;
      this.#startMore();
    });
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
    this.#retry?.cancel();
    this.#admitted?.release();
    this.#context.cancel.listener = undefined;
    this.#context.stages.enter(STAGE_SPLIT, this.#options.clock.nowMs());
  }
}
