/**
 * The executor of a version some of whose shared runs are audited. A run that is not costs one comparison of a number:
 *
 *   batch ─▶ shared? ─▶ due? ─ no ──────────────────────────────▶ the host
 *                         └ yes: copy inputs ─▶ the host ─▶ copy outputs ─▶ audited later
 */
import { type Batch, type BatchResult, type Executor, PassingExecutor } from '../../../core/executor.ts';
import { RETRY_GAP } from './audit-schedule.ts';

/** Takes copies of runs. */
export interface RunTaker<Copy> {
  /** The number of shared runs until the next one is due, when one was taken. */
  nextGap(): number;
  /** A copy of a batch that is due; undefined = it is not taken. Never throws. */
  take(batch: Batch): Copy | undefined;
  /** The run has succeeded: false = it is not audited. The outputs may be gone after this call. Never throws. */
  keep(copy: Copy, result: BatchResult): boolean;
  /** The run has failed. */
  drop(copy: Copy): void;
}

export class AuditedExecutor<Copy> extends PassingExecutor {
  readonly #taker: RunTaker<Copy>;
  /** Shared runs until the next one that is due, that one included. */
  #left: number;

  constructor(inner: Executor, taker: RunTaker<Copy>) {
    super(inner);
    this.#taker = taker;
    this.#left = taker.nextGap();
  }

  override run(batch: Batch, after?: Batch): Promise<BatchResult> {
    if (batch.origin?.isShared !== true || --this.#left > 0) return this.inner.run(batch, after);
    const copy = this.#taker.take(batch);
    this.#left = copy === undefined ? RETRY_GAP : this.#taker.nextGap();
    return copy === undefined ? this.inner.run(batch, after) : this.#copied(copy, batch, after);
  }

  async #copied(copy: Copy, batch: Batch, after: Batch | undefined): Promise<BatchResult> {
    let result: BatchResult;
    try {
      result = await this.inner.run(batch, after);
    } catch (error) {
      this.#taker.drop(copy);
      this.#retry();
      throw error;
    }
    if (!this.#taker.keep(copy, result)) this.#retry();
    return result;
  }

  #retry(): void {
    this.#left = Math.min(this.#left, RETRY_GAP);
  }
}
