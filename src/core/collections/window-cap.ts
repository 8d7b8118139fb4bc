/**
 * A limit that lets the first few events of each window pass, and none of the rest: for samples and log lines, where the
 * first of many alike say what there is to say.
 *
 *   │ 1 2 … most × × × ×  │              │ 1 2 …
 *   └─ window ────────────┘              └─ the next event begins the next window
 */
import type { Instant } from '../clock.ts';

export class WindowCap {
  readonly #most: number;
  readonly #windowMs: number;
  #endsAt: Instant = -Infinity;
  #left = 0;

  /** @param most 0 = no event passes */
  constructor(most: number, windowMs: number) {
    this.#most = most;
    this.#windowMs = windowMs;
  }

  /** The end of the window that the last event fell into. */
  get endsAt(): Instant {
    return this.#endsAt;
  }

  /** Counts an event; true if it passes. Instants never go back. */
  allow(now: Instant): boolean {
    if (now >= this.#endsAt) {
      this.#endsAt = now + this.#windowMs;
      this.#left = this.#most;
    }
    if (this.#left <= 0) return false;
    this.#left -= 1;
    return true;
  }
}
