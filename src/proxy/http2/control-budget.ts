/**
 * A token bucket against clients that keep to the protocol but make us work more than they do: they reset their
 * requests as soon as they have begun (CVE-2023-44487), make us reset them (CVE-2025-8671), or send endless PING,
 * SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA or unknown frames.
 *
 *          earned by requests ───▶ ┌────────┐
 *          so many per second ───▶ │ tokens │ ──▶ one for each such frame; none left: GOAWAY ENHANCE_YOUR_CALM
 *                                  └────────┘
 *                                    ≤ burst
 *
 * Finished requests earn tokens, because well-behaved clients send some of these frames for each: a WINDOW_UPDATE or
 * two for what they have read, a PING to measure the path when data comes.
 */
import type { Instant } from '../../core/clock.ts';

export class ControlBudget {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #nowMs: () => Instant;
  #tokens: number;
  #filledAt: Instant;

  /** @param nowMs is asked only when the tokens have run out */
  constructor(burst: number, perSecond: number, nowMs: () => Instant) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#nowMs = nowMs;
    this.#tokens = burst;
    this.#filledAt = nowMs();
  }

  /** Takes one token. False if none was left. */
  spend(): boolean {
    if (this.#tokens < 1) this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  earn(count: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + count);
  }

  #refill(): void {
    const now = this.#nowMs();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
  }
}
