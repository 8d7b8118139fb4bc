/**
 * Limits retries to one for every ten calls, so that a failing server gets at most a tenth more work. It is a token
 * bucket, like gRPC's retry throttling.
 */

const TOKENS_PER_CALL = 0.1;
/** Largest burst of retries. */
const MAX_TOKENS = 10;

export class RetryBudget {
  #tokens = MAX_TOKENS;

  /** Adds the tokens of a new call. */
  earn(): void {
    this.#tokens = Math.min(MAX_TOKENS, this.#tokens + TOKENS_PER_CALL);
  }

  /** Takes the token of a retry; false if there is none. */
  spend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
