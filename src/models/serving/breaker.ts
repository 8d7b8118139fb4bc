/**
 * A circuit breaker around the batches of one servable: after many failures of its backend no batch runs for a while,
 * so that requests fail at once and the backend can recover.
 *
 *   closed ──`failures` within `windowMs`, and at least half of the batches since the first──▶ open
 *     ▲                                                                                         │ after `resetMs`
 *     └────────────────── the probe succeeds ── half open: one batch runs as a probe ◀──────────┘
 *                                                   └ it fails: open again
 *
 * An error that the request causes counts as a success; one by its deadline or its client does not count. Neither does
 * a batch that began before the last change of state. opossum keeps the state, the window and the counts (circuit.ts);
 * this class decides when to open and when to probe.
 */
import type { BreakerConfig } from '../../config/model-config.ts';
import type { Clock, Instant } from '../../core/clock.ts';
import { type ErrorKind, ServingError } from '../../core/errors.ts';
import type { RunEventFacts } from '../../core/executor.ts';
import { Circuit } from './circuit.ts';

export type BreakerState = 'closed' | 'half_open' | 'open';

/** The state of the backend, as a batch has shown it; `unknown` does not count. */
export type BatchVerdict = 'alive' | 'failed' | 'unknown';

export interface BreakerOptions extends BreakerConfig {
  readonly clock: Clock;
  /** `model "digits" version 3`, for texts. */
  readonly what: string;
  /** Called on each change; `reason` is a text for people. */
  readonly onChange?: (state: BreakerState, reason: string) => void;
}

/** The retry hint for requests that come while a probe runs. */
const PROBE_RETRY_MS = 250;

export class Breaker {
  readonly #options: BreakerOptions;
  #circuit: Circuit;
  /** The probe of a half-open circuit is running. */
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

  /** Why it is not closed, as a text for people; empty while it is closed. */
  get reason(): string {
    return this.#circuit.closed ? '' : this.#lastFailure;
  }

  /** True if a batch must not run now. */
  get isRefusing(): boolean {
    if (this.#circuit.opened) return this.#options.clock.nowMs() < this.#probeAt;
    return this.#isProbing;
  }

  /** The error of a refused request. */
  refusal(): ServingError {
    const { what } = this.#options;
    const retryAfterMs = this.#retryAfterMs();
    const text = `${what} has failed too often and is not run for now: ${this.#lastFailure}; retry after ${retryAfterMs} ms`;
    return new ServingError('backend_unavailable', text, {
      retryAfterMs,
      attributes: { stage: 'admit', reason: 'breaker_open' },
    });
  }

  /** The attributes of the event that is recorded for a refused request. */
  refusalFacts(): RunEventFacts {
    return { 'inference.breaker.state': this.state, 'inference.retry_after_ms': this.#retryAfterMs() };
  }

  /** Begins a batch. Returns what `settle` must be given, or undefined if the batch must not run. */
  begin(): Circuit | undefined {
    if (this.isRefusing) return undefined;
    if (this.#circuit.opened) this.#beginProbe();
    this.#isProbing = this.#circuit.halfOpen;
    return this.#circuit;
  }

  /** Records the outcome of a batch that began in `circuit`. `text` says how it failed. */
  settle(circuit: Circuit, verdict: BatchVerdict, text = ''): void {
    // The batch began before the circuit opened. A probe gets a circuit of its own, which must not count this batch.
    if (circuit.opened) return;
    const isProbe = circuit.halfOpen;
    this.#isProbing = false;
    if (verdict === 'unknown') return;
    if (verdict === 'failed') this.#lastFailure = text;
    circuit.record(verdict);
    if (isProbe) this.#endProbe();
    else if (verdict === 'failed') this.#openIfFailing();
  }

  #retryAfterMs(): number {
    const leftMs = this.#circuit.opened ? this.#probeAt - this.#options.clock.nowMs() : 0;
    return Math.ceil(Math.max(PROBE_RETRY_MS, leftMs));
  }

  #beginProbe(): void {
    const { what, onChange } = this.#options;
    this.#circuit = new Circuit(this.#options, 'half_open');
    onChange?.('half_open', `${what} is tried with one batch`);
  }

  #endProbe(): void {
    const { what, onChange } = this.#options;
    if (this.#circuit.closed) onChange?.('closed', `${what} answers again`);
    else this.#scheduleProbe('the batch that tried it failed');
  }

  #openIfFailing(): void {
    const { failures: enough, windowMs } = this.#options;
    const { failures, successes } = this.#circuit.stats;
    if (failures < enough || failures < successes) return;
    this.#circuit.open();
    this.#scheduleProbe(`${failures} of ${failures + successes} batches failed within ${windowMs} ms`);
  }

  /** The circuit has opened. */
  #scheduleProbe(why: string): void {
    const { clock, resetMs, what, onChange } = this.#options;
    this.#probeAt = clock.nowMs() + resetMs;
    onChange?.('open', `${what} is not run for ${resetMs} ms: ${why}, the last with: ${this.#lastFailure}`);
  }
}

/**
 * The verdict of a failed run. A model whose workers are being replaced refuses batches with a time to retry after:
 * such a batch has not run and does not count.
 */
export function verdictOf({ kind, retryAfterMs }: { kind: ErrorKind; retryAfterMs: number | undefined }): BatchVerdict {
  switch (kind) {
    case 'backend_failed':
    case 'backend_unavailable':
    case 'internal':
    case 'worker_crashed':
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
