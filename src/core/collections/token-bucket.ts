/**
 * A limit on how fast something may happen, with room for a burst:
 *
 *      earned by other events ───▶ ┌────────┐
 *      so many per second     ───▶ │ tokens │ ──▶ one for each event; none left: no
 *                                  └────────┘
 *                                    ≤ burst
 *
 * The bucket begins full. It reads no clock: whoever fills it says what time it is, and may do so only when tokens are
 * short. Then up to one burst more may pass than by the rate.
 */
import type { Instant } from '../clock.ts';

export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: Instant;

  /** @param perSecond 0 = only `earn` brings tokens */
  constructor(burst: number, perSecond = 0, now: Instant = 0) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#tokens = burst;
    this.#filledAt = now;
  }

  get tokens(): number {
    return this.#tokens;
  }

  /** Adds the tokens of the time since it was last filled. */
  fill(now: Instant): void {
    this.earn((this.#perSecond * (now - this.#filledAt)) / 1000);
    this.#filledAt = now;
  }

  /** Adds tokens, as far as they fit. */
  earn(count: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + count);
  }

  /** Takes tokens. False if there are fewer; then it takes none. */
  take(count = 1): boolean {
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }
}
