/**
 * How long to wait before a dead worker is replaced, and when to give up. Pure: the host owns the timers.
 *
 * Failures in a row double the wait. A batch that ran proves the worker good and starts the count again; a worker that
 * only loaded does not, since a batch that kills each worker would then be retried at full speed for ever.
 */

/** A crash is often over at once (one bad batch), so the first replacement does not make callers wait. */
export const DEFAULT_FIRST_DELAY_MS = 50;
export const DEFAULT_MAX_DELAY_MS = 10_000;
/** With the delays above about a minute of trying. */
export const DEFAULT_MAX_ATTEMPTS = 12;

export class RestartBackoff {
  #attempts = 0;

  /** Milliseconds until the next attempt; undefined once there have been too many. */
  nextDelayMs(): number | undefined {
    if (this.#attempts === DEFAULT_MAX_ATTEMPTS) return undefined;
    const delay = Math.min(DEFAULT_MAX_DELAY_MS, DEFAULT_FIRST_DELAY_MS * 2 ** this.#attempts);
    this.#attempts++;
    return delay;
  }

  /** The worker has proved good. */
  reset(): void {
    this.#attempts = 0;
  }
}
