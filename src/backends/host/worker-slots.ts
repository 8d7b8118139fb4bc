/**
 * The workers (threads or processes) of one hosted model: which are idle, who waits for one, and the replacing of the dead.
 *
 *              start             takeIdle                 giveBack
 *     loading ───────▶ idle ───────────────▶ with a batch ─────────▶ idle (or straight to who waits longest)
 *        ▲               │ exit                   │ exit
 *        │  timer        ▼                        ▼
 *        └─────────── dead (back-off) ──too many attempts──▶ given up
 *
 * "Alive" is idle or with a batch. The most recently used idle worker is taken first: its caches are warm.
 */
import type { Clock, Instant, TimerHandle } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import type { HostWorker, Pending, WorkerLoad, WorkerReady } from './host-worker.ts';
import { DEFAULT_FIRST_DELAY_MS, RestartBackoff } from './restart-backoff.ts';

/** What happened to a slot's worker. `given_up`: it stays empty until the model is loaded again. */
export interface WorkerEvent {
  readonly what: 'lost' | 'restarted' | 'given_up';
  readonly slot: number;
  /** Why it died or did not load; empty for 'restarted'. */
  readonly reason: string;
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
}

export class WorkerSlots {
  readonly #options: WorkerHostOptions;
  readonly #newWorker: (index: number) => HostWorker;
  readonly #slots: Slot[] = [];
  readonly #idle: HostWorker[] = [];
  readonly #waiting: Pending<HostWorker>[] = [];
  #isClosing = false;

  constructor(options: WorkerHostOptions, newWorker: (index: number) => HostWorker) {
    this.#options = options;
    this.#newWorker = newWorker;
  }

  /** Starts all workers. Rejects with the first one's error when one cannot load, with none left running. */
  async start(): Promise<WorkerReady> {
    for (let index = 0; index < this.#options.slots; index++) {
      this.#slots.push({
        index,
        backoff: new RestartBackoff(),
        worker: this.#newWorker(index),
        isAlive: false,
        timer: undefined,
        restartAt: Infinity,
      });
    }
    try {
      const [ready] = await Promise.all(this.#slots.map((slot) => slot.worker.ready));
      for (const slot of this.#slots) this.#admit(slot);
      return ready!;
    } catch (error) {
      await this.close();
      throw error;
    }
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
    if (slot === undefined || !slot.isAlive) return;
    if (isProven) slot.backoff.reset();
    this.#offer(worker);
  }

  /** Ends all workers. The owner has seen to it that no batch is running. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(
      this.#slots.map((slot) => {
        slot.timer?.cancel();
        return slot.worker.close();
      }),
    );
  }

  #admit(slot: Slot): void {
    slot.isAlive = true;
    slot.restartAt = Infinity;
    const { worker } = slot;
    worker.onExit = (reason) => this.#onDeath(slot, worker, reason);
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
    slot.isAlive = false;
    const idleAt = this.#idle.indexOf(worker);
    if (idleAt !== -1) this.#idle.splice(idleAt, 1);
    if (this.#isClosing) return;
    this.#tell(slot, 'lost', reason);
    this.#scheduleRestart(slot, reason);
    if (this.#slots.some((s) => s.isAlive)) return;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#noneAlive());
  }

  #scheduleRestart(slot: Slot, reason: string): void {
    const delay = slot.backoff.nextDelayMs();
    if (delay === undefined) {
      slot.restartAt = Infinity;
      this.#tell(slot, 'given_up', reason);
      return;
    }
    slot.restartAt = this.#options.clock.nowMs() + delay;
    slot.timer = this.#options.clock.setTimer(slot.restartAt, () => void this.#restart(slot));
  }

  async #restart(slot: Slot): Promise<void> {
    slot.worker = this.#newWorker(slot.index);
    try {
      await slot.worker.ready;
    } catch (error) {
      if (!this.#isClosing) this.#scheduleRestart(slot, (error as Error).message);
      return;
    }
    if (this.#isClosing) return;
    this.#tell(slot, 'restarted', '');
    this.#admit(slot);
  }

  #tell({ index: slot }: Slot, what: WorkerEvent['what'], reason: string): void {
    this.#options.onWorkerEvent?.({ what, slot, reason });
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
