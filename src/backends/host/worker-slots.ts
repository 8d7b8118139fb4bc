/**
 * The workers (threads or processes) of one hosted model: it tracks idle workers and waiters, and replaces dead
 * workers.
 *
 *              start             takeIdle                 giveBack
 *     loading ───────▶ idle ───────────────▶ with a batch ─────────▶ idle (or to the longest waiter)
 *        ▲               │ exit                   │ exit
 *        │  timer        ▼                        ▼
 *        └─────────── dead (back-off) ──too many attempts──▶ given up
 *
 * A worker that has become too large serves until its replacement is ready; then it finishes its batch and is closed.
 * No batch fails because of that.
 *
 * A worker is alive when it is idle or has a batch. The most recently used idle worker is taken first: its caches are
 * warm.
 */
import type { Clock, Instant, TimerHandle } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import type { HostWorker, Pending, WorkerLoad, WorkerReady } from './host-worker.ts';
import { DEFAULT_FIRST_DELAY_MS, RestartBackoff } from './restart-backoff.ts';
import type { SandboxState } from './sandbox/sandbox-state.ts';

/**
 * A change of a slot's worker. `given_up`: the slot stays empty until the model is loaded again. `recycled`: it was too
 * large and has been replaced. `kept`: it is too large, but its replacement failed to load.
 */
export interface WorkerEvent {
  readonly what: 'lost' | 'restarted' | 'given_up' | 'recycled' | 'kept';
  readonly slot: number;
  /** Empty for 'restarted'. */
  readonly reason: string;
  /** The traceparent of the batch that was lost with it, if it was traced. */
  readonly traceparent?: string | undefined;
}

/** Options of any host that has workers. */
export interface WorkerHostOptions extends WorkerLoad {
  /** The model's name, for messages and thread names. */
  readonly model: string;
  /** Number of workers, and so of concurrent batches. At least 1. */
  readonly slots: number;
  readonly clock: Clock;
  /** Called when a worker dies, is replaced, or cannot be replaced: for the log and a counter. */
  readonly onWorkerEvent?: (event: WorkerEvent) => void;
}

interface Slot {
  readonly index: number;
  readonly backoff: RestartBackoff;
  worker: HostWorker;
  isAlive: boolean;
  timer: TimerHandle | undefined;
  /** The time of the next restart; Infinity if none is scheduled. */
  restartAt: Instant;
  /** The earliest time of the next recycling. */
  recycleFrom: Instant;
  /** The replacement while it loads. */
  next: HostWorker | undefined;
}

/** Shortest time between two recyclings of a slot, for a ceiling that every new worker soon exceeds. */
export const RECYCLE_INTERVAL_MS = 60_000;

export class WorkerSlots {
  readonly #options: WorkerHostOptions;
  readonly #newWorker: (index: number) => HostWorker;
  readonly #slots: Slot[] = [];
  readonly #idle: HostWorker[] = [];
  /** Replaced workers that have not ended, with the promise of their close once it has begun. */
  readonly #retired = new Map<HostWorker, Promise<void> | undefined>();
  readonly #waiting: Pending<HostWorker>[] = [];
  #isClosing = false;

  constructor(options: WorkerHostOptions, newWorker: (index: number) => HostWorker) {
    this.#options = options;
    this.#newWorker = newWorker;
  }

  /** Starts all workers. If one cannot load, rejects with its error and leaves none running. */
  async start(): Promise<WorkerReady> {
    try {
      for (let index = 0; index < this.#options.slots; index++) this.#slots.push(this.#newSlot(index));
      const [ready] = await Promise.all(this.#slots.map((slot) => this.#firstReady(slot)));
      for (const slot of this.#slots) this.#admit(slot);
      return ready!;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Its workers accept their next batch while they run one. Not while a batch waits for a free worker: one that always
   * has a next batch is never free, and what takes no slot of the scheduler, as a proof's run, would wait for ever.
   */
  get takesNext(): boolean {
    return this.#waiting.length === 0 && this.#slots.every(({ worker }) => worker.takesNext === true);
  }

  takeIdle(): HostWorker | undefined {
    return this.#idle.pop();
  }

  /** The next free worker. Rejects with `worker_lost` when no worker is alive, now or before one is free. */
  waitForIdle(): Promise<HostWorker> {
    if (!this.#slots.some((slot) => slot.isAlive)) return Promise.reject(this.#noneAlive());
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Returns a worker after a batch. `isProven`: the worker answered it, with outputs or an error. */
  giveBack(worker: HostWorker, isProven: boolean): void {
    const slot = this.#slots.find((s) => s.worker === worker);
    if (slot !== undefined && isProven && slot.isAlive) slot.backoff.reset();
    // It runs its next batch, and is given back after that.
    if (worker.isBusy === true) return;
    if (slot === undefined) this.#endRetired(worker);
    else if (slot.isAlive) this.#offer(worker);
  }

  /** Resident memory of the workers outside this process, in bytes; undefined = they use none. */
  get residentBytes(): number | undefined {
    const known = this.#slots.map(({ worker }) => worker.residentBytes).filter((bytes) => bytes !== undefined);
    return known.length === 0 ? undefined : known.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** The sandbox of the first worker's process: the others have the same. Undefined = they are threads. */
  get sandbox(): SandboxState | undefined {
    return this.#slots[0]?.worker.sandbox;
  }

  /** Ends all workers. The caller makes sure that no batch is running. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const slot of this.#slots) slot.timer?.cancel();
    const workers = this.#slots.flatMap(({ worker, next }) => [worker, next]);
    await Promise.all([...workers.map((worker) => worker?.close()), ...this.#retired.values()]);
  }

  /** Waits for the first load; tries again when another session's crash ended the shared process. */
  async #firstReady(slot: Slot): Promise<WorkerReady> {
    for (;;) {
      const { worker } = slot;
      try {
        return await worker.ready;
      } catch (error) {
        if (worker.isBystander !== true || this.#isClosing) throw error;
        slot.worker = this.#newWorker(slot.index);
      }
    }
  }

  #newSlot(index: number): Slot {
    return {
      index,
      backoff: new RestartBackoff(),
      worker: this.#newWorker(index),
      isAlive: false,
      timer: undefined,
      restartAt: Infinity,
      recycleFrom: 0,
      next: undefined,
    };
  }

  #admit(slot: Slot): void {
    slot.isAlive = true;
    slot.restartAt = Infinity;
    const { worker } = slot;
    worker.onExit = (reason) => this.#onDeath(slot, worker, reason);
    worker.onTooLarge = (reason) => void this.#recycle(slot, worker, reason);
    // It may have died while other workers were loading.
    if (worker.goneBecause !== undefined) this.#onDeath(slot, worker, worker.goneBecause);
    else this.#offer(worker);
  }

  #offer(worker: HostWorker): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#idle.push(worker);
    else waiter.resolve(worker);
  }

  /** Returns false if the worker was not idle. */
  #removeIdle(worker: HostWorker): boolean {
    const index = this.#idle.indexOf(worker);
    if (index !== -1) this.#idle.splice(index, 1);
    return index !== -1;
  }

  #onDeath(slot: Slot, worker: HostWorker, reason: string): void {
    if (slot.worker !== worker) {
      this.#endRetired(worker);
      return;
    }
    slot.isAlive = false;
    this.#removeIdle(worker);
    if (this.#isClosing) return;
    this.#report(slot, 'lost', reason, worker.traceparent);
    this.#scheduleRestart(slot, reason, worker);
    if (this.#slots.some((s) => s.isAlive)) return;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#noneAlive());
  }

  /** A bystander's restart is soon, and does not count as an attempt. */
  #scheduleRestart(slot: Slot, reason: string, worker: HostWorker | undefined): void {
    const delay = worker?.isBystander === true ? DEFAULT_FIRST_DELAY_MS : slot.backoff.nextDelayMs();
    if (delay === undefined) {
      slot.restartAt = Infinity;
      this.#report(slot, 'given_up', reason);
      return;
    }
    slot.restartAt = this.#options.clock.nowMs() + delay;
    slot.timer = this.#options.clock.setTimer(slot.restartAt, () => void this.#restart(slot));
  }

  async #recycle(slot: Slot, worker: HostWorker, reason: string): Promise<void> {
    const now = this.#options.clock.nowMs();
    if (slot.worker !== worker || !slot.isAlive || now < slot.recycleFrom || this.#isClosing) return;
    slot.recycleFrom = now + RECYCLE_INTERVAL_MS;
    try {
      slot.next = this.#newWorker(slot.index);
      await slot.next.ready;
    } catch (error) {
      const failure = `${reason}; its replacement did not load: ${(error as Error).message}`;
      if (!this.#isClosing) this.#report(slot, 'kept', failure);
      slot.next = undefined;
      return;
    }
    if (this.#isClosing) return;
    this.#takeOver(slot, worker, reason);
  }

  /** `slot.next` has loaded. If the worker has died meanwhile, a restart has replaced it, and `next` is not needed. */
  #takeOver(slot: Slot, worker: HostWorker, reason: string): void {
    const next = slot.next!;
    slot.next = undefined;
    if (slot.worker !== worker) {
      this.#retired.set(next, undefined);
      this.#endRetired(next);
      return;
    }
    slot.timer?.cancel();
    slot.worker = next;
    if (worker.goneBecause === undefined) this.#retired.set(worker, undefined);
    if (this.#removeIdle(worker)) this.#endRetired(worker);
    this.#report(slot, 'recycled', reason);
    this.#admit(slot);
  }

  /** Closes a retired worker, which has no batch. */
  #endRetired(worker: HostWorker): void {
    if (!this.#retired.has(worker) || this.#retired.get(worker) !== undefined) return;
    this.#retired.set(
      worker,
      worker.close().then(() => void this.#retired.delete(worker)),
    );
  }

  async #restart(slot: Slot): Promise<void> {
    let worker: HostWorker | undefined;
    try {
      worker = this.#newWorker(slot.index);
      slot.worker = worker;
      await worker.ready;
    } catch (error) {
      if (!this.#isClosing) this.#scheduleRestart(slot, (error as Error).message, worker);
      return;
    }
    if (this.#isClosing) return;
    this.#report(slot, 'restarted', '');
    this.#admit(slot);
  }

  #report({ index: slot }: Slot, what: WorkerEvent['what'], reason: string, traceparent?: string): void {
    this.#options.onWorkerEvent?.({ what, slot, reason, ...(traceparent !== undefined && { traceparent }) });
  }

  #noneAlive(): ServingError {
    const { model, clock } = this.#options;
    const next = Math.min(...this.#slots.map((slot) => slot.restartAt));
    if (next === Infinity) {
      const text = `model "${model}": its workers died and could not be replaced; load the model again`;
      return new ServingError('worker_lost', text);
    }
    const text = `model "${model}": its workers died and are being replaced; try again soon`;
    // A restart that is due already is loading.
    const retryAfterMs = Math.max(DEFAULT_FIRST_DELAY_MS, next - clock.nowMs());
    return new ServingError('worker_lost', text, { retryAfterMs });
  }
}
