/**
 * Rates and minima of about the last `spanMs`, kept in two windows that take turns, without a list of events or a
 * timer.
 *
 *    previous │ current ···now           amount ≈ previous · (share of it that is still within the span) + current
 *
 * Instants never go back. A window without events counts as empty.
 */
import type { Instant } from '../core/clock.ts';
import { MIN_RATE_AGE_SHARE } from './tuning.ts';

/** Amounts per millisecond over about the last `spanMs`. */
export class RateWindow {
  readonly #spanMs: number;
  readonly #startedAt: Instant;
  #windowStart: Instant;
  #previous = 0;
  #current = 0;

  constructor(spanMs: number, now: Instant) {
    this.#spanMs = spanMs;
    this.#startedAt = now;
    this.#windowStart = now;
  }

  add(amount: number, now: Instant): void {
    this.#turn(now);
    this.#current += amount;
  }

  /** 0 when nothing came for two spans. A young window divides by its own age, or by MIN_RATE_AGE_SHARE of the span. */
  perMs(now: Instant): number {
    this.#turn(now);
    const into = now - this.#windowStart;
    const age = now - this.#startedAt;
    if (age < this.#spanMs) return this.#current / Math.max(age, MIN_RATE_AGE_SHARE * this.#spanMs);
    return (this.#previous * (1 - into / this.#spanMs) + this.#current) / this.#spanMs;
  }

  #turn(now: Instant): void {
    const passed = now - this.#windowStart;
    if (passed < this.#spanMs) return;
    this.#previous = passed < 2 * this.#spanMs ? this.#current : 0;
    this.#current = 0;
    this.#windowStart += Math.floor(passed / this.#spanMs) * this.#spanMs;
  }
}

/** The least value of the last one to two `spanMs`; Infinity when none came. */
export class RecentMinimum {
  readonly #spanMs: number;
  #windowStart: Instant;
  #previous = Infinity;
  #current = Infinity;

  constructor(spanMs: number, now: Instant) {
    this.#spanMs = spanMs;
    this.#windowStart = now;
  }

  add(value: number, now: Instant): void {
    this.#turn(now);
    if (value < this.#current) this.#current = value;
  }

  least(now: Instant): number {
    this.#turn(now);
    return Math.min(this.#previous, this.#current);
  }

  #turn(now: Instant): void {
    const passed = now - this.#windowStart;
    if (passed < this.#spanMs) return;
    this.#previous = passed < 2 * this.#spanMs ? this.#current : Infinity;
    this.#current = Infinity;
    this.#windowStart += Math.floor(passed / this.#spanMs) * this.#spanMs;
  }
}
