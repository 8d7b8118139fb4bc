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
 * batch that was begun before the last change of state is not counted. State, window and counts are opossum's
 * (circuit.ts); when to open, and when to try again, is decided here.
 */
import type { BreakerConfig } from '../../config/model-config.ts';
import type { Clock, Instant } from '../../core/clock.ts';
import { type ErrorKind, ServingError } from '../../core/errors.ts';
import type { RunEventFacts } from '../../core/executor.ts';
import { Circuit } from './circuit.ts';

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
  #circuit: Circuit;
  /** The one batch that a half open circuit lets through is under way. */
  #isProbing = false;
  #probeAt: Instant = 0;
  #lastFailure = '';

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#circuit = new Circuit(options, 'closed');
  }

  get state(): BreakerState {
    if (this.#circuit.closed) return 'closed';
    return this.#circuit.opened ? 'open' : 'half_open';
  }

  /** Why it is not closed, for people; empty while it is. */
  get reason(): string {
    return this.#circuit.closed ? '' : this.#lastFailure;
  }

  /** A request that came now would not be run. */
  get isRefusing(): boolean {
    if (this.#circuit.opened) return this.#options.clock.nowMs() < this.#probeAt;
    return this.#isProbing;
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
    return { 'inference.breaker.state': this.state, 'inference.retry_after_ms': this.#retryAfterMs() };
  }

  /** A batch is about to run: what `settle` wants to know of it, or undefined if it must not. */
  begin(): Circuit | undefined {
    if (this.isRefusing) return undefined;
    if (this.#circuit.opened) this.#tryAgain();
    this.#isProbing = this.#circuit.halfOpen;
    return this.#circuit;
  }

  /** The batch that was begun in `circuit` has ended. `text` says how it failed. */
  settle(circuit: Circuit, verdict: BatchVerdict, text = ''): void {
    // One that has opened stays so: what was begun in it is late, and the circuit that tries again does not hear of it.
    if (circuit.opened) return;
    const isProbe = circuit.halfOpen;
    this.#isProbing = false;
    if (verdict === 'unknown') return;
    if (verdict === 'failed') this.#lastFailure = text;
    circuit.tell(verdict);
    if (isProbe) this.#hasProbed();
    else if (verdict === 'failed') this.#openIfFailing();
  }

  #retryAfterMs(): number {
    const leftMs = this.#circuit.opened ? this.#probeAt - this.#options.clock.nowMs() : 0;
    return Math.ceil(Math.max(PROBE_RETRY_MS, leftMs));
  }

  #tryAgain(): void {
    const { what, onChange } = this.#options;
    this.#circuit = new Circuit(this.#options, 'half_open');
    onChange?.('half_open', `${what} is tried with one batch`);
  }

  #hasProbed(): void {
    const { what, onChange } = this.#options;
    if (this.#circuit.closed) onChange?.('closed', `${what} answers again`);
    else this.#hasOpened('the batch that tried it failed');
  }

  #openIfFailing(): void {
    const { failures: enough, windowMs } = this.#options;
    const { failures, successes } = this.#circuit.stats;
    if (failures < enough || failures < successes) return;
    this.#circuit.open();
    this.#hasOpened(`${failures} of ${failures + successes} batches failed within ${windowMs} ms`);
  }

  #hasOpened(why: string): void {
    const { clock, resetMs, what, onChange } = this.#options;
    this.#probeAt = clock.nowMs() + resetMs;
    onChange?.('open', `${what} is not run for ${resetMs} ms: ${why}, the last with: ${this.#lastFailure}`);
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
