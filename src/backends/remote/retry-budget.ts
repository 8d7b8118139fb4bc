/**
 * How often calls may be sent again: one in ten of those that were sent, so that a server in trouble gets a tenth more
 * work at most. A token bucket, as gRPC's retry throttling is.
 */

/** Of a token, for each call. */
const EARNED = 0.1;
/** What may be saved up: a burst of retries after a quiet time. */
const MOST_TOKENS = 10;

export class RetryBudget {
  #tokens = MOST_TOKENS;

  /** A call is sent for the first time. */
  earn(): void {
    this.#tokens = Math.min(MOST_TOKENS, this.#tokens + EARNED);
  }

  /** True, and it is paid for: a call may be sent again. */
  spend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
