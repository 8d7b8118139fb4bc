/**
 * The end of a turn of the event loop: `FlushTurn` writes its answers, and an `IdlePolicy` decides how to wait for the
 * next bytes.
 */
import process from 'node:process';
import { setImmediate } from 'node:timers';
import type { Clock, Instant } from '../../core/clock.ts';

export interface Flushable {
  flush(): void;
}

/** Decides what the event loop does between the answers of one turn and the next bytes. */
export interface IdlePolicy {
  /** The answers of a turn have been written on these connections. */
  answered(connections: readonly object[]): void;
  /** Bytes have come, on any connection. */
  received(): void;
}

/** The event loop sleeps until the next event, as Node's always does. */
export const SLEEP_WHEN_IDLE: IdlePolicy = { answered() {}, received() {} };

/**
 * Gathers the writes of one turn of the event loop: each connection of a server writes once, at the end of the turn, so
 * that the answers of one batch to one client leave in one system call. The end is Node's next-tick queue: it runs
 * after the promise callbacks of this turn, however long their chains are, and before the next I/O.
 */
export class FlushTurn {
  #waiting: Flushable[] = [];
  readonly #flushAll = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const flushable of waiting) flushable.flush();
    this.#idle.answered(waiting);
  };
  readonly #idle: IdlePolicy;

  constructor(idle: IdlePolicy) {
    this.#idle = idle;
  }

  /** A caller adds itself once per turn. */
  add(flushable: Flushable): void {
    if (this.#waiting.push(flushable) === 1) process.nextTick(this.#flushAll);
  }
}

/** The most connections for which this is worth it: with more the event loop hardly sleeps anyway. */
const MAX_CONNECTIONS = 2;
const START_SCORE = 8;
const MAX_SCORE = 15;
const MISS_COST = 4;
/** Time in which client and server wake up. */
const WAKE_MS = 0.1;

export interface IdleSpinOptions {
  readonly clock: Clock;
  /** How long it polls after an answer. */
  readonly spinMs: number;
  /** Runs a function in the next turn of the event loop, without sleeping before it. Default: setImmediate. */
  readonly nextTurn?: (run: () => void) => void;
  /** It has polled for so long. Default: nobody wants to know. */
  readonly onSpun?: ((spunMs: number) => void) | undefined;
}

/**
 * Polls for the next request for a moment instead of sleeping, while the last requests came at once.
 *
 *   answers out ──▶ polls, for spinMs at most ──┬─ bytes came: score + 1
 *                   (score ≥ START_SCORE)       └─ none came: score − MISS_COST, sleeps as always
 *   answers out ──▶ sleeps ── bytes came ───────── within spinMs and a wake-up: score + 1; later: score 0
 *                   (score < START_SCORE)
 *
 * A client that waits for each answer before it sends its next request spends most of its time on the wake-ups of
 * sleeping cores. If it sends within spinMs it finds the server awake. Where requests are rare or come from many
 * clients nothing polls: two misses lower the score enough, and a third connection clears it, because being awake for
 * each of many requests only makes batches smaller. It costs spinMs of CPU an answer at most. Reasons and measurements:
 * docs/adr/0021.
 */
export class IdleSpin implements IdlePolicy {
  readonly #clock: Clock;
  readonly #spinMs: number;
  readonly #nextTurn: (run: () => void) => void;
  readonly #onSpun: ((spunMs: number) => void) | undefined;
  /** The connections answered last, the latest last; a closed one stays until two others were answered. */
  readonly #lastConnections: object[] = [];
  #score = 0;
  /** When the last answers were written; undefined once bytes have come after them. */
  #answeredAt: Instant | undefined;
  /** The next turn is asked for. */
  #isTurnAsked = false;
  /** It polls for bytes after the last answers. */
  #isSpinning = false;

  constructor(options: IdleSpinOptions) {
    this.#clock = options.clock;
    this.#spinMs = options.spinMs;
    this.#nextTurn = options.nextTurn ?? ((run) => void setImmediate(run));
    this.#onSpun = options.onSpun;
  }

  answered(connections: readonly object[]): void {
    this.#isSpinning = false;
    this.#answeredAt = connections.length > MAX_CONNECTIONS ? undefined : this.#clock.nowMs();
    this.#noteConnections(connections);
    if (this.#answeredAt === undefined || this.#score < START_SCORE) return;
    this.#isSpinning = true;
    this.#askForTurn();
  }

  received(): void {
    if (this.#answeredAt === undefined) return;
    const gapMs = this.#clock.nowMs() - this.#answeredAt;
    this.#answeredAt = undefined;
    if (this.#isSpinning) this.#onSpun?.(gapMs);
    const isSoon = this.#isSpinning || gapMs <= this.#spinMs + WAKE_MS;
    this.#isSpinning = false;
    this.#score = isSoon ? Math.min(MAX_SCORE, this.#score + 1) : 0;
  }

  #noteConnections(connections: readonly object[]): void {
    const last = this.#lastConnections;
    for (let i = 0; i < connections.length && i <= MAX_CONNECTIONS; i++) {
      const connection = connections[i]!;
      if (last.includes(connection)) continue;
      if (last.push(connection) <= MAX_CONNECTIONS) continue;
      last.shift();
      this.#score = 0;
    }
  }

  readonly #onTurn = (): void => {
    this.#isTurnAsked = false;
    if (!this.#isSpinning || this.#answeredAt === undefined) return;
    if (this.#clock.nowMs() - this.#answeredAt < this.#spinMs) {
      this.#askForTurn();
      return;
    }
    this.#isSpinning = false;
    this.#onSpun?.(this.#clock.nowMs() - this.#answeredAt);
    this.#answeredAt = undefined;
    this.#score -= MISS_COST;
  };

  #askForTurn(): void {
    if (this.#isTurnAsked) return;
    this.#isTurnAsked = true;
    this.#nextTurn(this.#onTurn);
  }
}
