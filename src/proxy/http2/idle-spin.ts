/**
 * Waits a moment for the next request without sleeping, where the last ones came at once.
 *
 *   answers out ──▶ polls, for spinMs at most ──┬─ bytes came: score + 1
 *                   (score ≥ START_SCORE)       └─ none came: score − MISS_COST, sleeps as always
 *   answers out ──▶ sleeps ── bytes came ───────── within spinMs and a wake-up: score + 1; later: score 0
 *                   (score < START_SCORE)
 *
 * A core that sleeps takes its time to wake, on either side of a client that waits for each answer before it sends its
 * next request: most of what such a request takes. Who sends within spinMs finds us awake. Where requests come seldom, or
 * from many clients at once, nothing is spun: the score falls after two misses, and only clients that are that fast raise
 * it. A third connection clears it: while others have requests on their way, being awake for each of them only makes
 * batches small. What it costs at most is spinMs of CPU an answer; what it measured is in docs/adr/0021.
 */
import { setImmediate } from 'node:timers';
import type { Clock, Instant } from '../../core/clock.ts';

/** Of more connections than these the next request is heard of soon enough. */
const MOST_CONNECTIONS = 2;
const START_SCORE = 8;
const MOST_SCORE = 15;
const MISS_COST = 4;
/** Client and server wake up in it, if nobody spins. */
const WAKE_MS = 0.1;

export interface IdleSpinOptions {
  readonly clock: Clock;
  /** How long it polls after an answer; 0 = never. */
  readonly spinMs: number;
  /** Runs a function in the next turn of the event loop, which does not sleep before; by default setImmediate. */
  readonly nextTurn?: (run: () => void) => void;
}

export class IdleSpin {
  readonly #clock: Clock;
  readonly #spinMs: number;
  readonly #nextTurn: (run: () => void) => void;
  readonly #poll = (): void => this.#onTurn();
  /** Those that were answered last, the latest last. Held, not owned: of a closed one its object stays until it is pushed out. */
  readonly #lastConnections: object[] = [];
  #score = 0;
  /** Of answers after which nothing has come; undefined = there are none. */
  #answeredAt: Instant | undefined;
  /** A turn is asked for. */
  #isPolling = false;
  /** What has been answered is spun for. */
  #isSpinning = false;

  constructor(options: IdleSpinOptions) {
    this.#clock = options.clock;
    this.#spinMs = options.spinMs;
    this.#nextTurn = options.nextTurn ?? ((run) => void setImmediate(run));
  }

  /** The answers of a turn are written, on these connections. */
  answered(connections: readonly object[]): void {
    if (this.#spinMs === 0) return;
    this.#isSpinning = false;
    this.#answeredAt = connections.length > MOST_CONNECTIONS ? undefined : this.#clock.nowMs();
    this.#noteConnections(connections);
    if (this.#answeredAt === undefined || this.#score < START_SCORE) return;
    this.#isSpinning = true;
    this.#askForTurn();
  }

  /** Bytes have come, on any connection. */
  heard(): void {
    if (this.#answeredAt === undefined) return;
    const gapMs = this.#clock.nowMs() - this.#answeredAt;
    this.#answeredAt = undefined;
    const isSoon = this.#isSpinning || gapMs <= this.#spinMs + WAKE_MS;
    this.#isSpinning = false;
    this.#score = isSoon ? Math.min(MOST_SCORE, this.#score + 1) : 0;
  }

  #noteConnections(connections: readonly object[]): void {
    const last = this.#lastConnections;
    for (let i = 0; i < connections.length && i <= MOST_CONNECTIONS; i++) {
      const connection = connections[i]!;
      if (last.includes(connection)) continue;
      if (last.push(connection) <= MOST_CONNECTIONS) continue;
      last.shift();
      this.#score = 0;
    }
  }

  #onTurn(): void {
    this.#isPolling = false;
    if (!this.#isSpinning || this.#answeredAt === undefined) return;
    if (this.#clock.nowMs() - this.#answeredAt < this.#spinMs) {
      this.#askForTurn();
      return;
    }
    this.#isSpinning = false;
    this.#answeredAt = undefined;
    this.#score -= MISS_COST;
  }

  #askForTurn(): void {
    if (this.#isPolling) return;
    this.#isPolling = true;
    this.#nextTurn(this.#poll);
  }
}
