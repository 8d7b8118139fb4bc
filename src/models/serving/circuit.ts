/**
 * opossum's circuit breaker on our clock: it keeps the state, the rolling window and the counts. It differs from
 * opossum in three ways (docs/adr/0015-a-breaker-on-opossum.md):
 *
 * - Outcomes are recorded when a batch has ended; `record` changes the state synchronously.
 * - It has no timers. `record` moves the window. An open circuit stays open: to probe, the breaker makes a new
 *   half-open circuit, in which batches of the old one do not count.
 * - A closed circuit opens only by `open()`. The first outcome of a half-open circuit closes or opens it.
 */
import { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';
import type { Clock, Instant } from '../../core/clock.ts';

/** The state of the backend, as a batch has shown it. */
export type Outcome = 'alive' | 'failed';

interface CircuitOptions {
  readonly clock: Clock;
  /** How long an outcome counts, in ms; up to a bucket less, but never for the first failure. */
  readonly windowMs: number;
}

const BUCKETS = 10;

/** Begins closed or half-open. The inherited `closed`, `halfOpen`, `opened` and `stats` show its state. */
export class Circuit extends CircuitBreaker<[Outcome], void> {
  readonly #clock: Clock;
  readonly #bucketMs: number;
  readonly #rotation: EventEmitter;
  /** The counts of opossum's newest bucket. */
  #newest: { failures: number; successes: number; readonly latencyTimes: number[] };
  #bucketStart: Instant;

  constructor({ clock, windowMs }: CircuitOptions, state: 'closed' | 'half_open') {
    const rotation = new EventEmitter();
    super(judge, optionsOf(windowMs, rotation, state));
    // opossum would start a timer when it opens, which would keep an unloaded servable in memory.
    this.removeAllListeners('open');
    this.#clock = clock;
    this.#bucketMs = windowMs / BUCKETS;
    this.#rotation = rotation;
    this.#newest = this.status.window[0]!;
    this.#bucketStart = clock.nowMs();
  }

  /**
   * Counts an outcome. The first failure of a window drops earlier successes. Must not be called on an open circuit.
   */
  record(outcome: Outcome): void {
    this.#moveWindow();
    if (outcome === 'failed' && this.stats.failures === 0) this.#startWindow();
    if (this.closed) {
      // A count is all that comes of it: opossum would make a promise and several events of each batch.
      this.#newest[outcome === 'failed' ? 'failures' : 'successes'] += 1;
      return;
    }
    this.fire(outcome).catch(ignore);
    // opossum collects times for percentiles, which are not used; the list would grow with each batch.
    this.#newest.latencyTimes.length = 0;
  }

  #moveWindow(): void {
    const buckets = Math.ceil((this.#clock.nowMs() - this.#bucketStart) / this.#bucketMs) - 1;
    if (buckets <= 0) return;
    this.#rotate(buckets);
    this.#bucketStart += buckets * this.#bucketMs;
  }

  #startWindow(): void {
    this.#rotate(BUCKETS);
    this.#bucketStart = this.#clock.nowMs();
  }

  #rotate(buckets: number): void {
    for (let i = 0; i < Math.min(buckets, BUCKETS); i++) this.#rotation.emit('rotate');
    this.#newest = this.status.window[0]!;
  }
}

/** opossum's types lack `state`, which lets a circuit begin half-open. */
function optionsOf(windowMs: number, rotation: EventEmitter, state: 'closed' | 'half_open') {
  return {
    timeout: false,
    // A closed circuit never opens by itself.
    errorThresholdPercentage: Infinity,
    rollingCountTimeout: windowMs,
    rollingCountBuckets: BUCKETS,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    rotateBucketController: rotation,
    state: { closed: state === 'closed', halfOpen: state === 'half_open' },
  } as const;
}

/**
 * The action that opossum guards. An error that is thrown, or a thenable that calls back at once, is counted
 * synchronously; a promise would be counted one microtask later.
 */
function judge(outcome: Outcome): Promise<void> {
  if (outcome === 'failed') throw outcome;
  return ALIVE as unknown as Promise<void>;
}

const ALIVE = {
  // biome-ignore lint/suspicious/noThenProperty: it stands for a promise.
  then(onAlive: () => void) {
    onAlive();
    return { catch: ignore };
  },
};

function ignore(): void {}
