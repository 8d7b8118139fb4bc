/**
 * Calls `look` at once, then every interval, one call at a time. A look that says "again soon" is followed by the next
 * after SOON_MS: somebody is writing, and half a second matters to who waits for the new version.
 *
 * `look` must not reject. After close() no look begins; what one that was in progress finds is the caller's to ignore.
 */
import type { Clock, TimerHandle } from '../../core/clock.ts';

/** Between two looks at what changes. */
export const SOON_MS = 250;

export interface PollerOptions {
  readonly clock: Clock;
  /** Between the end of a look and the next. 0 = look once; negative = never look. */
  readonly intervalMs: number;
  /** Resolves with true if the next look should come soon, also where the interval says once. */
  readonly look: () => Promise<boolean>;
}

export class Poller {
  readonly #options: PollerOptions;
  #timer: TimerHandle | undefined;
  #isClosed = false;
  /** The look in progress. */
  #looking: Promise<void> | undefined;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** The first look, and those that follow. Does nothing where the interval is negative. */
  start(): void {
    if (this.#options.intervalMs >= 0) void this.now();
  }

  /** Looks as soon as the look in progress has ended, whatever the interval; resolves when it has. */
  async now(): Promise<void> {
    while (this.#looking !== undefined) await this.#looking;
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#looking = this.#look();
    await this.#looking;
  }

  /** A look in progress is not waited for: a network file system may never answer. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { clock, intervalMs, look } = this.#options;
    const isSoon = await look();
    this.#looking = undefined;
    const delay = isSoon && (intervalMs <= 0 || intervalMs > SOON_MS) ? SOON_MS : intervalMs;
    if (this.#isClosed || delay <= 0) return;
    this.#timer = clock.setTimer(clock.nowMs() + delay, () => void this.now());
  }
}
