/**
 * An executor behind a circuit breaker: refuses batches while the breaker is open, and records the outcome of the
 * others. A failed batch is recorded when it is known whether a request's values caused the error
 * (BatchOrigin.onJudged).
 */
import { toServingError } from '../../core/errors.ts';
import { type Batch, type BatchOrigin, type BatchResult, type Executor, PassingExecutor } from '../../core/executor.ts';
import { type Breaker, verdictOf } from './breaker.ts';
import type { Circuit } from './circuit.ts';

export class GuardedExecutor extends PassingExecutor {
  readonly #breaker: Breaker;

  constructor(inner: Executor, breaker: Breaker) {
    super(inner);
    this.#breaker = breaker;
  }

  /** Only while the breaker is closed: a batch that follows a probe would be refused. */
  override get takesNext(): boolean {
    return super.takesNext && this.#breaker.state === 'closed';
  }

  override run(batch: Batch, after?: Batch): Promise<BatchResult> {
    const { origin } = batch;
    if (origin?.isRerun === true) return this.#rerun(batch, after);
    const circuit = this.#breaker.begin();
    if (circuit === undefined) return this.#refuse(batch);
    return this.inner.run(batch, after).then(
      (result) => {
        this.#breaker.settle(circuit, 'alive');
        return result;
      },
      (thrown: unknown) => {
        const error = toServingError(thrown);
        const verdict = verdictOf(error);
        if (verdict !== 'failed' || origin === undefined) this.#breaker.settle(circuit, verdict, error.message);
        else this.#judgeLater(origin, circuit, error.message);
        throw error;
      },
    );
  }

  /** The scheduler may find out that one request's values caused the failure. */
  #judgeLater(origin: BatchOrigin, circuit: Circuit, text: string): void {
    origin.onJudged = (isOfInputs) => {
      const verdict = isOfInputs === undefined ? 'unknown' : isOfInputs ? 'alive' : 'failed';
      this.#breaker.settle(circuit, verdict, text);
    };
  }

  /** A rerun belongs to a batch without a verdict yet, which may be the probe: only an open breaker refuses it. */
  #rerun(batch: Batch, after: Batch | undefined): Promise<BatchResult> {
    return this.#breaker.state === 'open' ? this.#refuse(batch) : this.inner.run(batch, after);
  }

  /** Takes over the batch's buffers and returns them to the executor that lent them. */
  #refuse({ inputs, origin }: Batch): Promise<never> {
    origin?.note('breaker', this.#breaker.refusalFacts());
    for (const { data } of inputs.values()) if (data instanceof Uint8Array) this.release(data.buffer as ArrayBuffer);
    return Promise.reject(this.#breaker.refusal());
  }
}
