/**
 * Cores that are shared as an operating system shares them. The event loop goes first: runs have a lower priority. While
 * runs want more cores than it leaves, all go equally slower. Runs beside each other slow each other down besides, since
 * they share the memory's bandwidth (scaling.ts).
 *
 *   2 cores, runs A and B: each a ms of work a ms │ C comes: each 2/3 │ A ends: each 1 again
 *   2 cores, runs A and B: each a ms of work a ms │ the loop works: each 1/2 │ the loop sleeps: each 1 again
 *
 * Work is in ms of one thread on a core of its own. A run's threads wait for each other, so a run of two threads that
 * gets one core goes at half its pace. On a virtual clock; one timer, for the run that ends next.
 */
import type { Clock, TimerHandle } from '../../../core/clock.ts';
import { type Scaling, slowDown, speedUp } from './scaling.ts';

/** Runs on cores that nobody else uses, and which scale without loss. */
export const PERFECT_SCALING: Scaling = { twoThreads: 2, twoAtOnce: 1 };

export interface CoreWork {
  readonly workMs: number;
  /** Default 1. */
  readonly threads?: number;
  /** Default PERFECT_SCALING. */
  readonly scaling?: Scaling;
}

interface Run {
  remainingMs: number;
  readonly threads: number;
  readonly speedUp: number;
  readonly scaling: Scaling;
  readonly onEnd: () => void;
}

/** The work below which a run has ended: the rest is rounding. */
const EPSILON_MS = 1e-9;

export class SharedCores {
  readonly #clock: Clock;
  readonly #cores: number;
  readonly #runs = new Set<Run>();
  #threads = 0;
  /** Others that want a core each. */
  #foreign = 0;
  #isLoopBusy = false;
  #updatedAt: number;
  #timer: TimerHandle | undefined;
  /** Time that runs have held cores, summed over cores, in ms. */
  busyMs = 0;
  /** Time that the event loop has held a core, in ms. */
  loopMs = 0;

  /** `cores` may be a fraction, as a quota is. */
  constructor(clock: Clock, cores: number) {
    this.#clock = clock;
    this.#cores = cores;
    this.#updatedAt = clock.nowMs();
  }

  /** `onEnd` is called once, when the work is done. */
  start({ workMs, threads = 1, scaling = PERFECT_SCALING }: CoreWork, onEnd: () => void): void {
    this.#progress();
    this.#runs.add({ remainingMs: workMs, threads, speedUp: speedUp(scaling, threads), scaling, onEnd });
    this.#threads += threads;
    this.#arm();
  }

  /** Sets how many other processes want a core each from now on. They are treated as runs are. */
  setForeign(count: number): void {
    this.#progress();
    this.#foreign = count;
    this.#arm();
  }

  /** The event loop begins or ends to work. */
  setLoopBusy(isBusy: boolean): void {
    if (isBusy === this.#isLoopBusy) return;
    this.#progress();
    this.#isLoopBusy = isBusy;
    this.#arm();
  }

  /** How many ms of work the event loop does in a ms: less than 1 only where there is less than one core. */
  get loopPace(): number {
    return Math.min(1, this.#cores);
  }

  /** The share of a core that each thread of a run gets. */
  get #share(): number {
    const left = this.#cores - (this.#isLoopBusy ? this.loopPace : 0);
    return Math.min(1, left / (this.#threads + this.#foreign));
  }

  /** Work that a run does in a ms. */
  #pace({ speedUp, scaling }: Run, share: number): number {
    return (share * speedUp) / slowDown(scaling, Math.max(0, share * this.#runs.size - 1));
  }

  #progress(): void {
    const now = this.#clock.nowMs();
    const ms = now - this.#updatedAt;
    this.#updatedAt = now;
    if (this.#isLoopBusy) this.loopMs += ms * this.loopPace;
    if (this.#runs.size === 0) return;
    const share = this.#share;
    for (const run of this.#runs) run.remainingMs -= ms * this.#pace(run, share);
    this.busyMs += ms * share * this.#threads;
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#runs.size === 0) return;
    const leftMs = this.#leftMs(this.#nearest());
    // Nothing ends without a core: the event loop's end arms again.
    if (!(leftMs < Infinity)) return;
    this.#timer = this.#clock.setTimer(this.#clock.nowMs() + leftMs, () => this.#ended());
  }

  /** The run that ends next; there is one. */
  #nearest(): Run {
    return [...this.#runs].reduce((a, b) => (this.#leftMs(b) < this.#leftMs(a) ? b : a));
  }

  #leftMs(run: Run): number {
    return Math.max(0, run.remainingMs) / this.#pace(run, this.#share);
  }

  #ended(): void {
    this.#timer = undefined;
    this.#progress();
    const ended = [...this.#runs].filter(({ remainingMs }) => remainingMs <= EPSILON_MS);
    // The clock's steps are floats: the one it was armed for has ended, whatever rounding left of it.
    if (ended.length === 0) ended.push(this.#nearest());
    for (const run of ended) {
      this.#runs.delete(run);
      this.#threads -= run.threads;
    }
    this.#arm();
    for (const { onEnd } of ended) onEnd();
  }
}
