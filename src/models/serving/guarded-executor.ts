/**
 * An executor behind a circuit breaker: what may not run is refused, and what ran is told to the breaker; of a batch of
 * requests that failed when it is known whether one of them is at fault (BatchOrigin.onJudged).
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

  /** While all is well: what follows a batch that is to prove it would be refused for coming too early. */
  override get takesNext(): boolean {
    return super.takesNext && this.#breaker.state === 'closed';
  }

  override run(batch: Batch, after?: Batch): Promise<BatchResult> {
    const { origin } = batch;
    if (origin?.isRerun === true) return this.#rerun(batch, after);
    const circuit = this.#breaker.begin();
    if (circuit === undefined) return this.#refuse(batch);
    return super.run(batch, after).then(
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

  /** Whoever ran it may find out that one request's values are at fault. */
  #judgeLater(origin: BatchOrigin, circuit: Circuit, text: string): void {
    origin.onJudged = (isOfInputs) => this.#breaker.settle(circuit, isOfInputs ? 'alive' : 'failed', text);
  }

  /** It belongs to a batch that is not judged yet, and may be the probe itself: only an open breaker holds it back. */
  #rerun(batch: Batch, after: Batch | undefined): Promise<BatchResult> {
    return this.#breaker.state === 'open' ? this.#refuse(batch) : super.run(batch, after);
  }

  /** Its buffers are the executor's from here on, which takes back those that it lent. */
  #refuse({ inputs, origin }: Batch): Promise<never> {
    origin?.note('breaker', this.#breaker.refusalFacts());
    for (const { data } of inputs.values()) if (data instanceof Uint8Array) this.release(data.buffer as ArrayBuffer);
    return Promise.reject(this.#breaker.refusal());
  }
}
