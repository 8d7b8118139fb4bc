/**
 * opossum's circuit breaker on our clock: it holds the state, the rolling window and the counts. It differs in three ways
 * (docs/adr/0015-a-breaker-on-opossum.md):
 *
 * - It hears an outcome when a batch has ended, and has gone over to its next state when `tell` returns.
 * - No timer runs. The window rolls on when an outcome comes, and an open circuit stays open: who wants to try again makes
 *   a half open one, and whatever was begun under the old one is not told to the new one.
 * - From closed it opens when it is told to (`open`). Half open, the first outcome closes or opens it.
 */
import { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';
import type { Clock, Instant } from '../../core/clock.ts';

/** How a batch ended that says something of its backend. */
export type Outcome = 'alive' | 'failed';

export interface CircuitOptions {
  readonly clock: Clock;
  /** How long an outcome counts, in ms; up to a bucket less, but never for the first failure. */
  readonly windowMs: number;
}

const BUCKETS = 10;

/** Begins closed or half open. The inherited `closed`, `halfOpen`, `opened` and `stats` tell how it stands. */
export class Circuit extends CircuitBreaker<[Outcome], void> {
  readonly #clock: Clock;
  readonly #bucketMs: number;
  readonly #rotation: EventEmitter;
  #bucketStart: Instant;

  constructor({ clock, windowMs }: CircuitOptions, state: 'closed' | 'half_open') {
    const rotation = new EventEmitter();
    super(judge, optionsOf(windowMs, rotation, state));
    // It would start a timer of its own when it opens, which would keep an unloaded servable in memory.
    this.removeAllListeners('open');
    this.#clock = clock;
    this.#bucketMs = windowMs / BUCKETS;
    this.#rotation = rotation;
    this.#bucketStart = clock.nowMs();
  }

  /** Counts an outcome; successes from before the first failure of the window are forgotten. Not for an open one. */
  tell(outcome: Outcome): void {
    this.#rollOn();
    if (outcome === 'failed' && this.stats.failures === 0) this.#startWindow();
    this.fire(outcome).catch(ignore);
    // What opossum keeps for percentiles that nobody asks for would grow with each batch of the window.
    this.status.window[0]!.latencyTimes.length = 0;
  }

  #rollOn(): void {
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
  }
}

/** Its types do not know of `state`, with which a circuit may begin half open. */
function optionsOf(windowMs: number, rotation: EventEmitter, state: 'closed' | 'half_open') {
  return {
    timeout: false,
    // Closed, it never opens by itself.
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
 * What is thrown is counted at once, and so is what calls back at once; a promise would be a microtask later. To throw
 * what an errorFilter lets pass would do too, but leaves a rejected promise for each batch that ends well.
 */
function judge(outcome: Outcome): Promise<void> {
  if (outcome === 'failed') throw outcome;
  return ALIVE as unknown as Promise<void>;
}

const ALIVE = {
  // biome-ignore lint/suspicious/noThenProperty: it is to stand for a promise.
  then(onAlive: () => void) {
    onAlive();
    return { catch: ignore };
  },
};

function ignore(): void {}
