/**
 * The workers (threads or processes) of one hosted model, each in a slot (worker-slot.ts), which replaces it:
 *
 *              start             takeIdle                 giveBack
 *     loading ───────▶ idle ───────────────▶ with a batch ─────────▶ idle (or to the longest waiter)
 *
 * A worker that is replaced though it is alive finishes its batch and is closed. Likewise the workers of a model whose
 * runs get another number of threads, and one that is not needed any more. No batch fails because of that.
 *
 * A worker is alive when it is idle or has a batch. The most recently used idle worker is taken first: its caches are
 * warm.
 */
import { ServingError } from '../../core/errors.ts';
import type { SessionPlan } from '../../core/executor.ts';
import type { HostWorker, Pending, WorkerReady } from './host-worker.ts';
import { OutsideWorkers } from './outside-workers.ts';
import type { SandboxState } from './process/sandbox.ts';
import { DEFAULT_FIRST_DELAY_MS } from './restart-backoff.ts';
import type { WorkerHostOptions } from './worker-host-options.ts';
import { type SlotOwner, WorkerSlot } from './worker-slot.ts';

export class WorkerSlots {
  readonly #options: WorkerHostOptions;
  readonly #newWorker: (index: number, threads: number) => HostWorker;
  readonly #slots: WorkerSlot[] = [];
  readonly #outside: OutsideWorkers;
  readonly #owner: SlotOwner;
  /** Idle workers: of the threads in use, and of another number. */
  readonly #idle: HostWorker[] = [];
  readonly #spare: HostWorker[] = [];
  readonly #waiting: Pending<HostWorker>[] = [];
  #threads: number;
  #nextIndex = 0;
  #isClosing = false;

  /** `newWorker` starts a worker whose runs have so many threads; `index` tells it from others. */
  constructor(options: WorkerHostOptions, newWorker: (index: number, threads: number) => HostWorker) {
    this.#options = options;
    this.#newWorker = (index, threads) => {
      const worker = newWorker(index, threads);
      worker.onNotes = (notes) => options.onNotes?.(notes, index);
      return worker;
    };
    const outside = new OutsideWorkers(options.model);
    this.#outside = outside;
    this.#owner = {
      ...{ options, outside, newWorker: this.#newWorker },
      isClosing: () => this.#isClosing,
      onLoaded: (slot) => this.#admit(slot),
      removeIdle: (worker) => this.#removeIdle(worker),
    };
    this.#threads = options.loadOptions.intraOpThreads;
  }

  /** Starts all workers. If one cannot load, or the signal is aborted, rejects and leaves none running. */
  async start(): Promise<WorkerReady> {
    const { signal } = this.#options;
    const giveUp = (): void => void this.close();
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      signal?.throwIfAborted();
      while (this.#slots.length < this.#options.slots) {
        const index = this.#nextIndex++;
        this.#slots.push(new WorkerSlot(this.#owner, index, this.#threads, this.#newWorker(index, this.#threads)));
      }
      const [ready] = await Promise.all(this.#slots.map((slot) => this.#firstReady(slot)));
      signal?.throwIfAborted();
      for (const slot of this.#slots) this.#admit(slot);
      return ready!;
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /**
   * Its workers accept their next batch while they run one. Not while a batch waits for a free worker: one that always
   * has a next batch is never free, and what takes no slot of the scheduler, as a proof's run, would wait for ever.
   */
  get takesNext(): boolean {
    return this.#waiting.length === 0 && this.#current.every(({ worker }) => worker.takesNext === true);
  }

  /** The slots whose workers have loaded, dead ones included that are being replaced. */
  get count(): number {
    return this.#current.length;
  }

  countOf(threads: number): number {
    return this.#slots.filter((slot) => slot.threads === threads).length;
  }

  /** The plans, ascending by threads. */
  get plans(): readonly SessionPlan[] {
    const all = [...new Set(this.#slots.map(({ threads }) => threads))].sort((a, b) => a - b);
    return all.map((threads) => ({ threads, sessions: this.countOf(threads) }));
  }

  get #current(): readonly WorkerSlot[] {
    return this.#slots.filter(({ threads }) => threads === this.#threads);
  }

  /** Threads of one run. */
  get threads(): number {
    return this.#threads;
  }

  /** The worker is in a slot of the threads in use. */
  isCurrent(worker: HostWorker): boolean {
    return this.#slots.some((slot) => slot.worker === worker && slot.threads === this.#threads);
  }

  /**
   * Starts a worker and resolves when it has loaded. It is in no slot: the caller gives it to `add` or
   * `discard`. Rejects with its `load_failed`, or when this is closed.
   */
  open(threads: number): Promise<HostWorker> {
    const index = this.#nextIndex++;
    return this.#outside.open(() => this.#newWorker(index, threads));
  }

  /** Closes a worker that is in no slot. */
  discard(worker: HostWorker): Promise<void> {
    return this.#outside.discard(worker);
  }

  /** Puts an opened worker into a slot of its own. Returns false, and discards it, if it cannot serve any more. */
  add(worker: HostWorker, threads: number): boolean {
    if (!this.#outside.take(worker)) return false;
    const slot = new WorkerSlot(this.#owner, this.#nextIndex++, threads, worker);
    this.#slots.push(slot);
    this.#admit(slot);
    return true;
  }

  /** Sends batches from now on to the workers whose runs have so many threads. The others stay, for another time. */
  activate(threads: number): void {
    this.#threads = threads;
    const idle = [...this.#idle.splice(0), ...this.#spare.splice(0)];
    for (const worker of idle) this.#offer(worker, this.#slots.find((slot) => slot.worker === worker)!);
  }

  /** Ends the workers whose runs have so many threads, which are not in use, after their batches. */
  drop(threads: number): void {
    for (const slot of this.#slots.filter((each) => each.threads === threads)) this.#remove(slot);
  }

  /** Closes one idle worker of so many threads. Returns false if none is idle, or if it is the only one. */
  removeIdle(threads: number): boolean {
    // Taken last in, first out: the first one has been idle for longest.
    const idle = [...this.#idle, ...this.#spare];
    const slots = this.#slots.filter((slot) => slot.threads === threads);
    const slot = slots.find(({ worker }) => idle.includes(worker));
    if (slot === undefined || slots.length === 1) return false;
    this.#remove(slot);
    return true;
  }

  takeIdle(): HostWorker | undefined {
    return this.#idle.pop();
  }

  /** The next free worker. Rejects with `worker_lost` when no worker is alive, now or before one is free. */
  waitForIdle(): Promise<HostWorker> {
    if (!this.#current.some((slot) => slot.isAlive)) return Promise.reject(this.#noneAlive());
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Returns a worker after a batch. `isProven`: the worker answered it, with outputs or an error. */
  giveBack(worker: HostWorker, isProven: boolean): void {
    const slot = this.#slots.find((s) => s.worker === worker);
    if (slot !== undefined && isProven && slot.isAlive) slot.backoff.reset();
    // It runs its next batch, and is given back after that.
    if (worker.isBusy === true) return;
    if (slot === undefined) this.#outside.end(worker);
    else if (slot.isAlive) this.#offer(worker, slot);
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
    for (const slot of this.#slots) slot.stop();
    await Promise.all([...this.#slots.map(({ worker }) => worker.close()), this.#outside.close()]);
  }

  /** Waits for the first load; tries again when another session's crash ended the shared process. */
  async #firstReady(slot: WorkerSlot): Promise<WorkerReady> {
    for (;;) {
      const { worker } = slot;
      try {
        return await worker.ready;
      } catch (error) {
        if (worker.isBlameless !== true || this.#isClosing) throw error;
        slot.worker = this.#newWorker(slot.index, slot.threads);
      }
    }
  }

  /** Its worker ends after its batches, and is not replaced. */
  #remove(slot: WorkerSlot): void {
    const { worker } = slot;
    slot.isRemoved = true;
    slot.stop();
    this.#slots.splice(this.#slots.indexOf(slot), 1);
    const isIdle = this.#removeIdle(worker) || !slot.isAlive;
    this.#outside.retire(worker, isIdle);
  }

  #admit(slot: WorkerSlot): void {
    slot.isAlive = true;
    slot.restartAt = Infinity;
    const { worker } = slot;
    worker.onExit = (reason) => this.#onDeath(slot, worker, reason);
    worker.onTooLarge = (reason) => void slot.recycle(worker, reason);
    // It may have died while other workers were loading.
    if (worker.goneBecause !== undefined) this.#onDeath(slot, worker, worker.goneBecause);
    else this.#offer(worker, slot);
  }

  #offer(worker: HostWorker, { threads }: WorkerSlot): void {
    if (threads !== this.#threads) {
      this.#spare.push(worker);
      return;
    }
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#idle.push(worker);
    else waiter.resolve(worker);
  }

  /** Returns false if the worker was not idle. */
  #removeIdle(worker: HostWorker): boolean {
    for (const list of [this.#idle, this.#spare]) {
      const index = list.indexOf(worker);
      if (index === -1) continue;
      list.splice(index, 1);
      return true;
    }
    return false;
  }

  #onDeath(slot: WorkerSlot, worker: HostWorker, reason: string): void {
    if (slot.worker !== worker || slot.isRemoved) {
      this.#outside.end(worker);
      return;
    }
    slot.isAlive = false;
    this.#removeIdle(worker);
    if (this.#isClosing) return;
    slot.replace(worker, reason);
    if (this.#current.some((s) => s.isAlive)) return;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#noneAlive());
  }

  #noneAlive(): ServingError {
    const { model, clock } = this.#options;
    const next = Math.min(...this.#current.map((slot) => slot.restartAt));
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
