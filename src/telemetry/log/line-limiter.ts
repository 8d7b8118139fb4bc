/**
 * Keeps overload from becoming a log storm: the first few lines of a kind in a window are written, the rest counted,
 * and the count is told once when the window ends.
 *
 *   key 'overloaded'   │ 1 2 … 10 × × × × │            │ 1 2 …
 *                      └─ window ─────────┴▶ told: 4   └─ next window opens with the next line
 *
 * Keys must be a closed set: each keeps a little memory. A timer is armed only while lines are being held back.
 */
import type { Clock, Instant, TimerHandle } from '../../core/clock.ts';

export interface LineLimiterOptions {
  readonly clock: Clock;
  readonly windowMs: number;
  readonly linesPerWindow: number;
  /** Called at most once a window for each key, with how many lines were held back. */
  readonly onSuppressed: (key: string, lines: number) => void;
}

interface Window {
  endsAt: Instant;
  written: number;
  suppressed: number;
  timer: TimerHandle | undefined;
}

export class LineLimiter {
  readonly #options: LineLimiterOptions;
  readonly #windows = new Map<string, Window>();

  constructor(options: LineLimiterOptions) {
    this.#options = options;
  }

  /** May a line of this kind be written now? If not, it is counted. */
  allow(key: string): boolean {
    const { clock, windowMs, linesPerWindow } = this.#options;
    const now = clock.nowMs();
    const window = this.#windowOf(key);
    if (now >= window.endsAt) {
      this.#tell(key, window);
      window.endsAt = now + windowMs;
      window.written = 0;
    }
    if (window.written < linesPerWindow) {
      window.written += 1;
      return true;
    }
    window.suppressed += 1;
    window.timer ??= clock.setTimer(window.endsAt, () => this.#tell(key, window));
    return false;
  }

  /** Tells what was held back so far and lets go of the timers. */
  close(): void {
    for (const [key, window] of this.#windows) this.#tell(key, window);
  }

  #windowOf(key: string): Window {
    let window = this.#windows.get(key);
    if (window === undefined) {
      window = { endsAt: 0, written: 0, suppressed: 0, timer: undefined };
      this.#windows.set(key, window);
    }
    return window;
  }

  #tell(key: string, window: Window): void {
    window.timer?.cancel();
    window.timer = undefined;
    const lines = window.suppressed;
    window.suppressed = 0;
    if (lines > 0) this.#options.onSuppressed(key, lines);
  }
}
