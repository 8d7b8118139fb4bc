/**
 * Calls `poll` at once and then every interval, one call at a time. While files are being written, the next poll
 * follows after `soonMs`, so that a new version is found soon after it is complete.
 *
 * After close() no poll begins; the caller must ignore the result of one that was in progress.
 */
import type { Clock, TimerHandle } from './clock.ts';

/** The default of `soonMs`. */
export const SOON_MS = 250;

export interface PollerOptions {
  readonly clock: Clock;
  /** The time from the end of a poll to the next. 0 = poll once; negative = never poll. */
  readonly intervalMs: number;
  /** The time to the next poll while files change, unless the interval is shorter. Default: SOON_MS. */
  readonly soonMs?: number;
  /** Resolves with true if the next poll should come soon, even if the interval is 0. Must not reject. */
  readonly poll: () => Promise<boolean>;
}

export class Poller {
  readonly #options: PollerOptions;
  #timer: TimerHandle | undefined;
  #isClosed = false;
  /** The poll in progress. */
  #polling: Promise<void> | undefined;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** Begins to poll. Does nothing if the interval is negative. */
  start(): void {
    if (this.#options.intervalMs >= 0) void this.now();
  }

  /** Begins to poll when one interval has passed. Does nothing if that is not positive. */
  startLater(): void {
    this.#wait(this.#options.intervalMs);
  }

  /** Polls as soon as the poll in progress has ended, whatever the interval; resolves when this poll has ended. */
  async now(): Promise<void> {
    while (this.#polling !== undefined) await this.#polling;
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#polling = this.#poll();
    await this.#polling;
  }

  /** Does not wait for a poll in progress: a network file system may never answer. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #poll(): Promise<void> {
    const { intervalMs, soonMs = SOON_MS, poll } = this.#options;
    const isSoon = await poll();
    this.#polling = undefined;
    this.#wait(isSoon && (intervalMs <= 0 || intervalMs > soonMs) ? soonMs : intervalMs);
  }

  #wait(ms: number): void {
    const { clock } = this.#options;
    if (!this.#isClosed && ms > 0) this.#timer = clock.setTimer(clock.nowMs() + ms, () => void this.now());
  }
}
