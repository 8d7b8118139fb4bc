/**
 * Refusals in the same words are one error, so that their text and their bytes are made once. Under overload thousands a
 * second differ by a few whole milliseconds only: how late the answer would be, and the delay to retry after. Each refusal
 * draws its own delay, so that clients that were refused together do not come back together.
 */
import { type ServingError, SharedError } from '../../core/errors.ts';
import { predictedLate, standingOverload } from '../queue/queue-errors.ts';
import { MAX_SHARED_REFUSALS, RETRY_JITTER_SHARE } from '../tuning.ts';

/** A key has both numbers. Delays from here on, in ms, are one. */
const KEY_STEP = 2 ** 20;

export class SharedRefusals {
  readonly #random: () => number;
  readonly #standing = new Map<number, SharedError>();
  readonly #late = new Map<number, SharedError>();
  readonly #softLate = new Map<number, SharedError>();

  /** @param random 0 to 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** A queue that stands; its next batch takes `runMs`. */
  standing(runMs: number): SharedError {
    const delayMs = this.#delayMs(runMs);
    return this.#standing.get(delayMs) ?? keep(this.#standing, delayMs, standingOverload(delayMs));
  }

  /** The answer would come `lateMs` after the deadline, or after the model's objective if `isSoft`. */
  predictedLate(lateMs: number, isSoft: boolean): SharedError {
    const wholeMs = Math.ceil(lateMs);
    const delayMs = this.#delayMs(wholeMs);
    const errors = isSoft ? this.#softLate : this.#late;
    const key = wholeMs * KEY_STEP + Math.min(delayMs, KEY_STEP - 1);
    return errors.get(key) ?? keep(errors, key, predictedLate(wholeMs, delayMs, isSoft));
  }

  #delayMs(ms: number): number {
    return Math.max(1, Math.ceil(ms * (1 + RETRY_JITTER_SHARE * this.#random())));
  }
}

function keep(errors: Map<number, SharedError>, key: number, error: ServingError): SharedError {
  if (errors.size >= MAX_SHARED_REFUSALS) errors.clear();
  const shared = new SharedError(error);
  errors.set(key, shared);
  return shared;
}
