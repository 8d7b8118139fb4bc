/**
 * The same refusal for all requests of a millisecond: its text and its bytes are made RETRY_VARIANTS times, with as many
 * delays to retry after, so that clients that were refused together do not come back together.
 */
import type { Instant } from '../../core/clock.ts';
import { type ServingError, SharedError } from '../../core/errors.ts';
import { REFUSAL_MS, RETRY_VARIANTS } from '../tuning.ts';

export class SharedRefusals {
  #madeAt: Instant = -Infinity;
  readonly #errors: SharedError[] = [];
  #turn = 0;

  /** One of this millisecond's; `make` gives one with another delay. */
  at(now: Instant, make: () => ServingError): SharedError {
    if (now - this.#madeAt >= REFUSAL_MS) {
      this.#errors.length = 0;
      this.#madeAt = now;
    }
    this.#turn = (this.#turn + 1) % RETRY_VARIANTS;
    if (this.#errors.length <= this.#turn) {
      this.#turn = this.#errors.length;
      this.#errors.push(new SharedError(make()));
    }
    return this.#errors[this.#turn]!;
  }
}
