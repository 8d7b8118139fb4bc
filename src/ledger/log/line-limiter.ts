/**
 * Limits the log lines of one kind: the first few in a window are written, the rest are counted, and the count is
 * logged once at the end of the window.
 *
 *   key 'overloaded'   │ 1 2 … 10 × × × × │               │ 1 2 …
 *                      └─ window ─────────┴▶ suppressed 4 └─ the next line opens the next window
 *
 * Keys must be a closed set, since each keeps some memory. A timer is armed only while lines are suppressed.
 */
import type { Clock, TimerHandle } from '../../core/clock.ts';
import { WindowCap } from '../../core/collections/window-cap.ts';

export interface LineLimiterOptions {
  readonly clock: Clock;
  readonly windowMs: number;
  readonly linesPerWindow: number;
  /** Called at most once a window for each key, with the number of suppressed lines. */
  readonly onSuppressed: (key: string, lines: number) => void;
}

interface Window {
  readonly cap: WindowCap;
  suppressed: number;
  timer: TimerHandle | undefined;
}

export class LineLimiter {
  readonly #options: LineLimiterOptions;
  readonly #windows = new Map<string, Window>();

  constructor(options: LineLimiterOptions) {
    this.#options = options;
  }

  /** True if a line of this kind may be written now; else it is counted as suppressed. */
  allow(key: string): boolean {
    const { clock } = this.#options;
    const now = clock.nowMs();
    const window = this.#windowOf(key);
    if (now >= window.cap.endsAt) this.#report(key, window);
    if (window.cap.allow(now)) return true;
    window.suppressed += 1;
    window.timer ??= clock.setTimer(window.cap.endsAt, () => this.#report(key, window));
    return false;
  }

  /** Reports the lines suppressed so far and cancels the timers. */
  close(): void {
    for (const [key, window] of this.#windows) this.#report(key, window);
  }

  #windowOf(key: string): Window {
    let window = this.#windows.get(key);
    if (window === undefined) {
      const { linesPerWindow, windowMs } = this.#options;
      window = { cap: new WindowCap(linesPerWindow, windowMs), suppressed: 0, timer: undefined };
      this.#windows.set(key, window);
    }
    return window;
  }

  #report(key: string, window: Window): void {
    window.timer?.cancel();
    window.timer = undefined;
    const lines = window.suppressed;
    window.suppressed = 0;
    if (lines > 0) this.#options.onSuppressed(key, lines);
  }
}
