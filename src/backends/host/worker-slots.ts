/**
 * The workers (threads or processes) of one hosted model: which are idle, who waits for one, and the replacing of the dead.
 *
 *              start             takeIdle                 giveBack
 *     loading ───────▶ idle ───────────────▶ with a batch ─────────▶ idle (or straight to who waits longest)
 *        ▲               │ exit                   │ exit
 *        │  timer        ▼                        ▼
 *        └─────────── dead (back-off) ──too many attempts──▶ given up
 *
 * A worker that has become too large serves on until the next is ready to take its place; then it finishes its batch and
 * is closed. No batch fails of that.
 *
 * "Alive" is idle or with a batch. The most recently used idle worker is taken first: its caches are warm.
 */
import type { Clock, Instant, TimerHandle } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import type { HostWorker, Pending, WorkerLoad, WorkerReady } from './host-worker.ts';
import { DEFAULT_FIRST_DELAY_MS, RestartBackoff } from './restart-backoff.ts';

/**
 * What happened to a slot's worker. `given_up`: the slot stays empty until the model is loaded again. `recycled`: it was
 * too large, and another has its place. `kept`: it is too large, but no other could be loaded.
 */
export interface WorkerEvent {
  readonly what: 'lost' | 'restarted' | 'given_up' | 'recycled' | 'kept';
  readonly slot: number;
  /** Why; empty for 'restarted'. */
  readonly reason: string;
  /** Of the batch that was lost with it, where that was traced. */
  readonly traceparent?: string | undefined;
}

/** Of any host that has workers. */
export interface WorkerHostOptions extends WorkerLoad {
  /** The model's name, for messages and names of threads. */
  readonly model: string;
  /** Workers, and so batches at once. At least 1. */
  readonly slots: number;
  readonly clock: Clock;
  /** Told when a worker dies, is replaced, or is given up: for the log and a counter. */
  readonly onWorkerEvent?: (event: WorkerEvent) => void;
}

interface Slot {
  readonly index: number;
  readonly backoff: RestartBackoff;
  worker: HostWorker;
  isAlive: boolean;
  timer: TimerHandle | undefined;
  /** When the timer is due; Infinity if none will come. */
  restartAt: Instant;
  /** No recycling before. */
  recycleFrom: Instant;
  /** What loads to take the worker's place. */
  next: HostWorker | undefined;
}

/** A ceiling that every worker soon passes must not keep the server loading. */
export const RECYCLE_INTERVAL_MS = 60_000;

export class WorkerSlots {
  readonly #options: WorkerHostOptions;
  readonly #newWorker: (index: number) => HostWorker;
  readonly #slots: Slot[] = [];
  readonly #idle: HostWorker[] = [];
  /** Those that were replaced and have not ended. */
  readonly #retired = new Map<HostWorker, Promise<void> | undefined>();
  readonly #waiting: Pending<HostWorker>[] = [];
  #isClosing = false;

  constructor(options: WorkerHostOptions, newWorker: (index: number) => HostWorker) {
    this.#options = options;
    this.#newWorker = newWorker;
  }

  /** Starts all workers. Rejects with the first one's error when one cannot load, with none left running. */
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

  /** Workers can be given their next batch while they run one. */
  get takesNext(): boolean {
    return this.#slots.every(({ worker }) => worker.takesNext === true);
  }

  takeIdle(): HostWorker | undefined {
    return this.#idle.pop();
  }

  /** The next worker to come free. Rejects with `worker_lost` when no worker is alive, now or before one came free. */
  waitForIdle(): Promise<HostWorker> {
    if (!this.#slots.some((slot) => slot.isAlive)) return Promise.reject(this.#noneAlive());
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** After a batch. `isProven`: the worker answered it, well or with an error. */
  giveBack(worker: HostWorker, isProven: boolean): void {
    const slot = this.#slots.find((s) => s.worker === worker);
    if (slot !== undefined && isProven && slot.isAlive) slot.backoff.reset();
    // With its next batch in hand: whoever waits for that gives it back.
    if (worker.isBusy === true) return;
    if (slot === undefined) this.#endRetired(worker);
    else if (slot.isAlive) this.#offer(worker);
  }

  /** Memory of the workers outside this process, in bytes; undefined = they take none. */
  get residentBytes(): number | undefined {
    const known = this.#slots.map(({ worker }) => worker.residentBytes).filter((bytes) => bytes !== undefined);
    return known.length === 0 ? undefined : known.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Ends all workers. The owner has seen to it that no batch is running. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const slot of this.#slots) slot.timer?.cancel();
    const workers = this.#slots.flatMap(({ worker, next }) => [worker, next]);
    await Promise.all([...workers.map((worker) => worker?.close()), ...this.#retired.values()]);
  }

  /** Another's crash in the process that they share is not its own failure to load. */
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
    // It may have died while the others were loading.
    if (worker.goneBecause !== undefined) this.#onDeath(slot, worker, worker.goneBecause);
    else this.#offer(worker);
  }

  #offer(worker: HostWorker): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#idle.push(worker);
    else waiter.resolve(worker);
  }

  #onDeath(slot: Slot, worker: HostWorker, reason: string): void {
    if (slot.worker !== worker) {
      this.#endRetired(worker);
      return;
    }
    slot.isAlive = false;
    const idleAt = this.#idle.indexOf(worker);
    if (idleAt !== -1) this.#idle.splice(idleAt, 1);
    if (this.#isClosing) return;
    this.#tell(slot, 'lost', reason, worker.traceparent);
    this.#scheduleRestart(slot, reason, worker);
    if (this.#slots.some((s) => s.isAlive)) return;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#noneAlive());
  }

  /** A bystander starts again soon, and it does not count. */
  #scheduleRestart(slot: Slot, reason: string, worker: HostWorker | undefined): void {
    const delay = worker?.isBystander === true ? DEFAULT_FIRST_DELAY_MS : slot.backoff.nextDelayMs();
    if (delay === undefined) {
      slot.restartAt = Infinity;
      this.#tell(slot, 'given_up', reason);
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
      if (!this.#isClosing) this.#tell(slot, 'kept', `${reason}; another did not load: ${(error as Error).message}`);
      slot.next = undefined;
      return;
    }
    if (this.#isClosing) return;
    this.#takeOver(slot, worker, reason);
  }

  /** `slot.next` has loaded. If the worker has died meanwhile, its replacement is there already, or not needed any more. */
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
    const idleAt = this.#idle.indexOf(worker);
    if (worker.goneBecause === undefined) this.#retired.set(worker, undefined);
    if (idleAt !== -1) {
      this.#idle.splice(idleAt, 1);
      this.#endRetired(worker);
    }
    this.#tell(slot, 'recycled', reason);
    this.#admit(slot);
  }

  /** It has no batch any more. */
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
    this.#tell(slot, 'restarted', '');
    this.#admit(slot);
  }

  #tell({ index: slot }: Slot, what: WorkerEvent['what'], reason: string, traceparent?: string): void {
    this.#options.onWorkerEvent?.({ what, slot, reason, ...(traceparent !== undefined && { traceparent }) });
  }

  #noneAlive(): ServingError {
    const { model, clock } = this.#options;
    const next = Math.min(...this.#slots.map((slot) => slot.restartAt));
    if (next === Infinity) {
      const text = `model "${model}": its workers died and could not be replaced; load the model again`;
      return new ServingError('worker_lost', text);
    }
    return new ServingError(
      'worker_lost',
      `model "${model}": its workers died and are being replaced; try again soon`,
      {
        // Due already: it is loading.
        retryAfterMs: Math.max(DEFAULT_FIRST_DELAY_MS, next - clock.nowMs()),
      },
    );
  }
}
