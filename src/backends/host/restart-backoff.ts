/**
 * The delay before a dead worker is replaced, and the limit of attempts. Pure: the host owns the timers.
 *
 * Consecutive failures double the delay. A batch that was answered resets the count. A load does not: else a batch that
 * kills each worker would be retried at full speed for ever.
 */

/** Short, since a crash often has a single cause (one bad batch), and callers wait for the replacement. */
export const DEFAULT_FIRST_DELAY_MS = 50;
export const DEFAULT_MAX_DELAY_MS = 10_000;
/** The restarts after which it gives up: about one minute with the delays above. */
export const DEFAULT_MAX_ATTEMPTS = 12;

export class RestartBackoff {
  #attempts = 0;

  /** Milliseconds until the next attempt; undefined after too many attempts. */
  nextDelayMs(): number | undefined {
    if (this.#attempts === DEFAULT_MAX_ATTEMPTS) return undefined;
    const delay = Math.min(DEFAULT_MAX_DELAY_MS, DEFAULT_FIRST_DELAY_MS * 2 ** this.#attempts);
    this.#attempts++;
    return delay;
  }

  /** The worker has answered a batch. */
  reset(): void {
    this.#attempts = 0;
  }
}
