/**
 * The sequences of one model that have no step that runs or waits, the longest idle first: they expire, and before that
 * they make room for others.
 *
 *   idle ──a tenth of idleMs──▶ may make room ──idleMs──▶ expired
 */
import { type Clock, WakeTimer } from '../../core/clock.ts';
import type { Sequence } from './sequence.ts';
import type { SequenceLimits } from './sequence-limits.ts';

/** A sequence may have to make room after this share of the idle time without a step. */
const EVICTION_SHARE = 0.1;
const LEAST_RETRY_MS = 1000;

export interface IdleSequencesOptions {
  readonly clock: Clock;
  readonly limits: () => SequenceLimits;
  /** Ends the sequence, and takes it out of these. */
  readonly onEnd: (sequence: Sequence, end: 'expired' | 'evicted') => void;
}

export class IdleSequences {
  readonly #options: IdleSequencesOptions;
  readonly #all = new Set<Sequence>();
  readonly #timer: WakeTimer;
  #isArmed = false;

  constructor(options: IdleSequencesOptions) {
    this.#options = options;
    this.#timer = new WakeTimer(options.clock, () => this.#expire());
  }

  /** The sequence is idle from now on. */
  add(sequence: Sequence): void {
    sequence.idleSince = this.#options.clock.nowMs();
    this.#all.add(sequence);
    this.#arm();
  }

  /** It has a step again, or is given up. */
  delete(sequence: Sequence): void {
    this.#all.delete(sequence);
  }

  /** Ends sequences until there is room; false if there is none. */
  evict(hasRoom: () => boolean, mayGo: (sequence: Sequence) => boolean): boolean {
    if (hasRoom()) return true;
    const before = this.#options.clock.nowMs() - EVICTION_SHARE * this.#options.limits().idleMs;
    for (const sequence of this.#all) {
      if (sequence.idleSince > before) return false;
      if (mayGo(sequence)) this.#options.onEnd(sequence, 'evicted');
      if (hasRoom()) return true;
    }
    return false;
  }

  /** When there may be room, if there is none now. */
  get retryAfterMs(): number {
    const [first] = this.#all;
    const { clock, limits } = this.#options;
    const leftMs = first === undefined ? 0 : first.idleSince + EVICTION_SHARE * limits().idleMs - clock.nowMs();
    return Math.max(LEAST_RETRY_MS, leftMs);
  }

  /** No sequence expires any more. */
  close(): void {
    this.#timer.disarm();
  }

  #arm(): void {
    const [first] = this.#all;
    if (this.#isArmed || first === undefined) return;
    this.#isArmed = true;
    this.#timer.arm(first.idleSince + this.#options.limits().idleMs);
  }

  #expire(): void {
    this.#isArmed = false;
    const before = this.#options.clock.nowMs() - this.#options.limits().idleMs;
    for (const sequence of this.#all) {
      if (sequence.idleSince > before) break;
      this.#options.onEnd(sequence, 'expired');
    }
    this.#arm();
  }
}
