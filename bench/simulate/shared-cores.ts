/**
 * Cores that are shared as an operating system shares them: while more runs than there are cores, all go equally slower.
 *
 *   2 cores, runs A and B: each a ms of work a ms │ C comes: each 2/3 │ A ends: each 1 again
 *
 * Work is in ms of one core. On a fake clock; one timer, for the run that ends next.
 */
import type { Clock, TimerHandle } from '../../src/core/clock.ts';

interface Run {
  remainingMs: number;
  readonly onEnd: () => void;
}

/** Below it a run has ended: what is left is rounding. */
const EPSILON_MS = 1e-9;

export class SharedCores {
  readonly #clock: Clock;
  readonly #cores: number;
  readonly #runs = new Set<Run>();
  /** Others that want a core each. */
  #foreign = 0;
  #updatedAt: number;
  #timer: TimerHandle | undefined;
  /** Work done so far, of all runs. */
  busyMs = 0;

  constructor(clock: Clock, cores: number) {
    this.#clock = clock;
    this.#cores = cores;
    this.#updatedAt = clock.nowMs();
  }

  start(workMs: number, onEnd: () => void): void {
    this.#progress();
    this.#runs.add({ remainingMs: workMs, onEnd });
    this.#arm();
  }

  /** From now on so many other processes want a core each. */
  setForeign(count: number): void {
    this.#progress();
    this.#foreign = count;
    this.#arm();
  }

  get #pace(): number {
    return Math.min(1, this.#cores / (this.#runs.size + this.#foreign));
  }

  #progress(): void {
    const now = this.#clock.nowMs();
    const done = (now - this.#updatedAt) * this.#pace;
    this.#updatedAt = now;
    for (const run of this.#runs) run.remainingMs -= done;
    this.busyMs += done * this.#runs.size;
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    let next = Infinity;
    for (const { remainingMs } of this.#runs) next = Math.min(next, remainingMs);
    if (next === Infinity) return;
    this.#timer = this.#clock.setTimer(this.#clock.nowMs() + Math.max(0, next) / this.#pace, () => this.#ended());
  }

  #ended(): void {
    this.#timer = undefined;
    this.#progress();
    const ended = [...this.#runs].filter(({ remainingMs }) => remainingMs <= EPSILON_MS);
    // The clock's steps are floats: the one it was armed for has ended, whatever rounding left of it.
    if (ended.length === 0) ended.push([...this.#runs].reduce((a, b) => (b.remainingMs < a.remainingMs ? b : a)));
    for (const run of ended) this.#runs.delete(run);
    this.#arm();
    for (const { onEnd } of ended) onEnd();
  }
}
