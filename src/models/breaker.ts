/**
 * A circuit breaker around the batches of one servable: after many failures of its backend nothing is run for a while, so
 * that requests hear at once that they should go elsewhere, and the backend is left alone.
 *
 *   closed ──`failures` within `windowMs`, and at least half of the batches since the first──▶ open
 *     ▲                                                                                         │ after `resetMs`
 *     └────────────────── the probe succeeds ── half open: one batch is let through ◀───────────┘
 *                                                   └ it fails: open again
 *
 * What a request is at fault for says that the backend is alive; what its deadline or its client ended says nothing. A
 * batch that was begun before the last change of state is not counted.
 *
 * Costs a batch a comparison and two calls (docs/adr/0015-our-own-breaker.md).
 */
import type { BreakerConfig } from '../config/model-config.ts';
import type { Clock, Instant } from '../core/clock.ts';
import { type ErrorKind, ServingError } from '../core/errors.ts';
import type { RunEventFacts } from '../core/executor.ts';

export const BREAKER_STATES = ['closed', 'half_open', 'open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

/** What a batch came to, for its breaker. */
export type BatchVerdict = 'alive' | 'failed' | 'unknown';

export interface BreakerOptions extends BreakerConfig {
  readonly clock: Clock;
  /** "model "digits" version 3", for texts. */
  readonly what: string;
  /** Told of each change; `reason` is for people. */
  readonly onChange?: (state: BreakerState, reason: string) => void;
}

/** A probe under way is soon over: what comes meanwhile may come again then. */
const PROBE_RETRY_MS = 250;

export class Breaker {
  readonly #options: BreakerOptions;
  #state: BreakerState = 'closed';
  /** Of the state: a batch that was begun in another is not counted. */
  #epoch = 0;
  #isProbing = false;
  #windowStart: Instant = 0;
  #failures = 0;
  /** Batches that did not fail since the first failure of the window. */
  #others = 0;
  #probeAt: Instant = 0;
  #lastFailure = '';

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Why it is not closed, for people; empty while it is. */
  get reason(): string {
    return this.#state === 'closed' ? '' : this.#lastFailure;
  }

  /** A request that came now would not be run. */
  get isRefusing(): boolean {
    if (this.#state === 'closed') return false;
    if (this.#state === 'half_open') return this.#isProbing;
    return this.#options.clock.nowMs() < this.#probeAt;
  }

  /** What such a request hears. */
  refusal(): ServingError {
    const { what } = this.#options;
    const retryAfterMs = this.#retryAfterMs();
    const text = `${what} has failed too often and is not run for now: ${this.#lastFailure}; retry after ${retryAfterMs} ms`;
    return new ServingError('backend_unavailable', text, {
      retryAfterMs,
      attributes: { stage: 'admit', reason: 'breaker_open' },
    });
  }

  /** What is noted of such a request, whoever answers it in the end. */
  refusalFacts(): RunEventFacts {
    return { 'inference.breaker.state': this.#state, 'inference.retry_after_ms': this.#retryAfterMs() };
  }

  /** A batch is about to run: what `settle` wants to know of it, or undefined if it must not. */
  begin(): number | undefined {
    if (this.#state === 'closed') return this.#epoch;
    if (this.isRefusing) return undefined;
    if (this.#state === 'open') this.#enter('half_open', `${this.#options.what} is tried with one batch`);
    this.#isProbing = true;
    return this.#epoch;
  }

  /** The batch has ended. `text` says how it failed. */
  settle(epoch: number, verdict: BatchVerdict, text = ''): void {
    if (epoch !== this.#epoch) return;
    if (verdict === 'failed') this.#lastFailure = text;
    if (this.#state === 'half_open') this.#settleProbe(verdict);
    else if (verdict === 'failed') this.#countFailure();
    else if (verdict === 'alive' && this.#failures > 0) this.#others += 1;
  }

  #retryAfterMs(): number {
    const leftMs = this.#state === 'open' ? this.#probeAt - this.#options.clock.nowMs() : 0;
    return Math.ceil(Math.max(PROBE_RETRY_MS, leftMs));
  }

  #settleProbe(verdict: BatchVerdict): void {
    this.#isProbing = false;
    if (verdict === 'alive') this.#enter('closed', `${this.#options.what} answers again`);
    else if (verdict === 'failed') this.#open('the batch that tried it failed');
  }

  #countFailure(): void {
    const { clock, failures, windowMs } = this.#options;
    const now = clock.nowMs();
    if (this.#failures === 0 || now - this.#windowStart > windowMs) {
      this.#windowStart = now;
      this.#failures = 0;
      this.#others = 0;
    }
    this.#failures += 1;
    if (this.#failures < failures || this.#failures < this.#others) return;
    this.#open(`${this.#failures} of ${this.#failures + this.#others} batches failed within ${windowMs} ms`);
  }

  #open(why: string): void {
    const { clock, resetMs, what } = this.#options;
    this.#probeAt = clock.nowMs() + resetMs;
    this.#enter('open', `${what} is not run for ${resetMs} ms: ${why}, the last with: ${this.#lastFailure}`);
  }

  #enter(state: BreakerState, reason: string): void {
    this.#state = state;
    this.#epoch += 1;
    this.#isProbing = false;
    this.#failures = 0;
    this.#others = 0;
    this.#options.onChange?.(state, reason);
  }
}

/**
 * Of a run that failed. A model whose workers are being replaced has back-off of its own, and says so with a time to
 * retry after: that is no failed run.
 */
export function verdictOf({ kind, retryAfterMs }: { kind: ErrorKind; retryAfterMs: number | undefined }): BatchVerdict {
  switch (kind) {
    case 'backend_failed':
    case 'backend_unavailable':
    case 'internal':
      return 'failed';
    case 'worker_lost':
      return retryAfterMs === undefined ? 'failed' : 'unknown';
    case 'invalid_request':
    case 'unsupported':
    case 'too_large':
      return 'alive';
    default:
      return 'unknown';
  }
}
