/**
 * One place for a worker. A worker that dies is replaced after a back-off, until too many attempts have failed; one that
 * has become too large serves until its replacement has loaded.
 *
 *     alive ──▶ dead ──back-off──▶ loading ──▶ alive
 *       │         ▲                   │
 *       │         └────── failed ─────┘ too often: given up
 *       └─ too large ──▶ another loads ──▶ alive, and the old worker ends after its batches
 */
import type { Instant, TimerHandle } from '../../core/clock.ts';
import type { HostWorker } from './host-worker.ts';
import type { OutsideWorkers } from './outside-workers.ts';
import { DEFAULT_FIRST_DELAY_MS, RestartBackoff } from './restart-backoff.ts';
import type { WorkerEvent, WorkerHostOptions } from './worker-host-options.ts';

/** Shortest time between two recyclings of a slot, for a ceiling that every new worker soon exceeds. */
export const RECYCLE_INTERVAL_MS = 60_000;

/** The slots of one model, as each of them sees them. */
export interface SlotOwner {
  readonly options: WorkerHostOptions;
  readonly outside: OutsideWorkers;
  /** They end: nothing is replaced any more. */
  isClosing(): boolean;
  newWorker(index: number, threads: number): HostWorker;
  /** The slot's worker has loaded. */
  onLoaded(slot: WorkerSlot): void;
  /** The worker is given no batch any more. Returns false if it has one. */
  removeIdle(worker: HostWorker): boolean;
}

export class WorkerSlot {
  readonly index: number;
  /** Threads of its workers' runs. */
  readonly threads: number;
  readonly backoff = new RestartBackoff();
  worker: HostWorker;
  isAlive = false;
  /** The time of the next restart; Infinity if none is scheduled. */
  restartAt: Instant = Infinity;
  /** Its worker was taken out, and has no successor. */
  isRemoved = false;
  readonly #owner: SlotOwner;
  #timer: TimerHandle | undefined;
  #recycleFrom: Instant = 0;

  /** `worker` may still load. */
  constructor(owner: SlotOwner, index: number, threads: number, worker: HostWorker) {
    this.#owner = owner;
    this.index = index;
    this.threads = threads;
    this.worker = worker;
  }

  /** No restart begins after this. */
  stop(): void {
    this.#timer?.cancel();
  }

  /** Its worker has died: another one follows. */
  replace(worker: HostWorker, reason: string): void {
    this.#report('lost', reason, worker.traceparent);
    this.#scheduleRestart(reason, worker);
  }

  /** The restart of a blameless one is soon, and does not count as an attempt. */
  #scheduleRestart(reason: string, worker: HostWorker | undefined): void {
    const { clock } = this.#owner.options;
    const delay = worker?.isBlameless === true ? DEFAULT_FIRST_DELAY_MS : this.backoff.nextDelayMs();
    if (delay === undefined) {
      this.restartAt = Infinity;
      this.#report('given_up', reason);
      return;
    }
    this.restartAt = clock.nowMs() + delay;
    this.#timer = clock.setTimer(this.restartAt, () => void this.#restart());
  }

  async #restart(): Promise<void> {
    const owner = this.#owner;
    let worker: HostWorker | undefined;
    try {
      worker = owner.newWorker(this.index, this.threads);
      this.worker = worker;
      await worker.ready;
    } catch (error) {
      if (!owner.isClosing() && !this.isRemoved) this.#scheduleRestart((error as Error).message, worker);
      return;
    }
    if (owner.isClosing() || this.isRemoved) return;
    this.#report('restarted', '');
    owner.onLoaded(this);
  }

  /** The worker has become too large. Never rejects. */
  async recycle(worker: HostWorker, reason: string): Promise<void> {
    const owner = this.#owner;
    const now = owner.options.clock.nowMs();
    const isCurrent = this.worker === worker && !this.isRemoved;
    if (!isCurrent || !this.isAlive || now < this.#recycleFrom || owner.isClosing()) return;
    this.#recycleFrom = now + RECYCLE_INTERVAL_MS;
    let next: HostWorker;
    try {
      next = await owner.outside.open(() => owner.newWorker(this.index, this.threads));
    } catch (error) {
      const failure = `${reason}; its replacement did not load: ${(error as Error).message}`;
      if (!owner.isClosing()) this.#report('kept', failure);
      return;
    }
    this.#takeOver(worker, next, reason);
  }

  /** `next` has loaded. If the worker has died meanwhile, a restart has replaced it, and `next` is not needed. */
  #takeOver(worker: HostWorker, next: HostWorker, reason: string): void {
    const owner = this.#owner;
    if (this.worker !== worker || this.isRemoved) {
      void owner.outside.discard(next);
      return;
    }
    if (!owner.outside.take(next)) return;
    this.#timer?.cancel();
    this.worker = next;
    owner.outside.retire(worker, owner.removeIdle(worker));
    this.#report('recycled', reason);
    owner.onLoaded(this);
  }

  #report(what: WorkerEvent['what'], reason: string, traceparent?: string): void {
    const event = { what, slot: this.index, reason, ...(traceparent !== undefined && { traceparent }) };
    this.#owner.options.onWorkerEvent?.(event);
  }
}
