/**
 * The worker threads of one hosted model: which are idle, who waits for one, and the replacing of the dead.
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
import type { LoadOptions } from '../backend.ts';
import type { BufferPool } from './buffer-pool.ts';
import { DEFAULT_SLAB_BYTES, newMailboxMemory } from './mailbox.ts';
import { DEFAULT_FIRST_DELAY_MS, RestartBackoff } from './restart-backoff.ts';
import type { ReadyMessage } from './thread-protocol.ts';
import { ThreadWorker } from './thread-worker.ts';

/** What happened to a slot's worker. `given_up`: it stays empty until the model is loaded again. */
export interface WorkerEvent {
  readonly what: 'lost' | 'restarted' | 'given_up';
  readonly slot: number;
  /** Why it died or did not load; empty for 'restarted'. */
  readonly reason: string;
}

export interface ThreadHostOptions {
  /** The model's name, for thread names and messages. */
  readonly model: string;
  readonly versionDirectory: string;
  /** Undefined = by the artifact found (registry.ts). */
  readonly backendKind: string | undefined;
  readonly loadOptions: LoadOptions;
  /** Worker threads, and so batches at once. At least 1. */
  readonly slots: number;
  readonly clock: Clock;
  /** Shared memory for a batch's inputs, for each worker; larger batches go by message, and all of them if it is 0. */
  readonly slabBytes?: number;
  /** Told when a worker dies, is replaced, or is given up: for the log and a counter. */
  readonly onWorkerEvent?: (event: WorkerEvent) => void;
}

interface Slot {
  readonly index: number;
  readonly backoff: RestartBackoff;
  worker: ThreadWorker;
  isAlive: boolean;
  timer: TimerHandle | undefined;
  /** When the timer is due; Infinity if none will come. */
  restartAt: Instant;
}

interface Waiter {
  resolve(worker: ThreadWorker): void;
  reject(error: ServingError): void;
}

export class WorkerSlots {
  readonly #options: ThreadHostOptions;
  readonly #pool: BufferPool;
  readonly #slots: Slot[] = [];
  readonly #idle: ThreadWorker[] = [];
  readonly #waiting: Waiter[] = [];
  #isClosing = false;

  constructor(options: ThreadHostOptions, pool: BufferPool) {
    this.#options = options;
    this.#pool = pool;
  }

  /** Starts all workers. Rejects with the first one's error when one cannot load, with none left running. */
  async start(): Promise<ReadyMessage> {
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

  takeIdle(): ThreadWorker | undefined {
    return this.#idle.pop();
  }

  /** The next worker to come free. Rejects with `worker_lost` when no worker is alive, now or before one came free. */
  waitForIdle(): Promise<ThreadWorker> {
    if (!this.#slots.some((slot) => slot.isAlive)) return Promise.reject(this.#noneAlive());
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** After a batch. `isProven`: the worker answered it, well or with an error. */
  giveBack(worker: ThreadWorker, isProven: boolean): void {
    const slot = this.#slots.find((s) => s.worker === worker);
    if (slot === undefined || !slot.isAlive) return;
    if (isProven) slot.backoff.reset();
    // With its next batch in hand: whoever waits for that gives it back.
    if (!worker.isBusy) this.#offer(worker);
  }

  /** Ends all threads. The owner has seen to it that no batch is running. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(
      this.#slots.map((slot) => {
        slot.timer?.cancel();
        return slot.worker.close();
      }),
    );
  }

  #newWorker(index: number): ThreadWorker {
    const { model, versionDirectory, backendKind, loadOptions } = this.#options;
    const { slabBytes = DEFAULT_SLAB_BYTES } = this.#options;
    const mailbox = slabBytes === 0 ? undefined : newMailboxMemory(slabBytes);
    const start = { versionDirectory, backendKind, loadOptions, mailbox };
    return new ThreadWorker(start, `pillion:${model}#${index}`, model, this.#pool);
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

  #offer(worker: ThreadWorker): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#idle.push(worker);
    else waiter.resolve(worker);
  }

  #onDeath(slot: Slot, worker: ThreadWorker, reason: string): void {
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
