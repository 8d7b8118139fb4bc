/**
 * Calls `poll` at once and then every interval, one call at a time. While files are being written, the next poll
 * follows after SOON_MS, so that a new version is found soon after it is complete.
 *
 * After close() no poll begins; the caller must ignore the result of one that was in progress.
 */
import type { Clock, TimerHandle } from './clock.ts';

/** The time to the next poll while files change. */
export const SOON_MS = 250;

export interface PollerOptions {
  readonly clock: Clock;
  /** The time from the end of a poll to the next. 0 = poll once; negative = never poll. */
  readonly intervalMs: number;
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
    const { clock, intervalMs, poll } = this.#options;
    const isSoon = await poll();
    this.#polling = undefined;
    const delay = isSoon && (intervalMs <= 0 || intervalMs > SOON_MS) ? SOON_MS : intervalMs;
    if (this.#isClosed || delay <= 0) return;
    this.#timer = clock.setTimer(clock.nowMs() + delay, () => void this.now());
  }
}
