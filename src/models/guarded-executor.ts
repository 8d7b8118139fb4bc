/** An executor behind a circuit breaker: what may not run is refused, and what ran is told to the breaker. */
import { toServingError } from '../core/errors.ts';
import type { Batch, BatchResult, Executor } from '../core/executor.ts';
import { type Breaker, verdictOf } from './breaker.ts';

export class GuardedExecutor implements Executor {
  readonly #inner: Executor;
  readonly #breaker: Breaker;

  constructor(inner: Executor, breaker: Breaker) {
    this.#inner = inner;
    this.#breaker = breaker;
  }

  get slots(): number {
    return this.#inner.slots;
  }

  get isInline(): boolean {
    return this.#inner.isInline === true;
  }

  get isElsewhere(): boolean {
    return this.#inner.isElsewhere === true;
  }

  allocate(byteLength: number): ArrayBuffer {
    return this.#inner.allocate(byteLength);
  }

  release(buffer: ArrayBuffer): void {
    this.#inner.release(buffer);
  }

  run(batch: Batch): Promise<BatchResult> {
    const epoch = this.#breaker.begin();
    if (epoch === undefined) return this.#refuse(batch);
    return this.#inner.run(batch).then(
      (result) => {
        this.#breaker.settle(epoch, 'alive');
        return result;
      },
      (thrown: unknown) => {
        const error = toServingError(thrown);
        this.#breaker.settle(epoch, verdictOf(error), error.message);
        throw error;
      },
    );
  }

  /** Its buffers are the executor's from here on, which takes back those that it lent. */
  #refuse({ inputs, origin }: Batch): Promise<never> {
    origin?.note('breaker', this.#breaker.refusalFacts());
    for (const { data } of inputs.values())
      if (data instanceof Uint8Array) this.#inner.release(data.buffer as ArrayBuffer);
    return Promise.reject(this.#breaker.refusal());
  }
}
