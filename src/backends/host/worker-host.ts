/**
 * A model on N workers (threads or processes), each with its own session: the Executor that the scheduler sees.
 *
 *     run(batch, after) ──▶ the worker that runs `after`, if it takes a next one; else:
 *     run(batch) ──▶ idle worker? ──yes──▶ inputs cross to it ──▶ outputs cross back, input memory pooled
 *                        │ no
 *                        ▼
 *                    some worker alive? ──yes──▶ waits, first come first served, for the next free one
 *                        │ no
 *                        ▼
 *                    worker_lost at once, with the time until the next attempt to replace one
 *
 * A worker that dies takes what it was given with it (`worker_lost`, which may be retried), nothing else, and is replaced
 * with back-off (restart-backoff.ts). A batch that waits is bounded by the runs before it, not by a replacement's load.
 * A worker that cannot load at the start fails the start: nothing is left running, and there is no loop.
 */
import type { Clock } from '../../core/clock.ts';
import type { Batch, BatchOrigin, BatchResult, Executor } from '../../core/executor.ts';
import { BufferPool } from './buffer-pool.ts';
import type { HostWorker } from './host-worker.ts';
import { expiredBeforeRun, type HostedSession, unloaded } from './hosted-session.ts';
import { RunsInFlight } from './runs-in-flight.ts';
import { type Answer, machineTimeMs } from './worker-call.ts';
import { type WorkerHostOptions, WorkerSlots } from './worker-slots.ts';

export interface WorkerHosted extends HostedSession {
  /** What loading it in a worker has shown: start-host.ts chooses by it. */
  readonly isSynchronous: boolean;
  readonly loadMs: number;
}

/** Makes the worker of a slot; batches' memory comes from the pool. */
export type NewWorker = (index: number, pool: BufferPool) => HostWorker;

/** Starts the workers and resolves when all have loaded. Rejects with `load_failed` when one cannot. */
export async function startWorkerHost(options: WorkerHostOptions, newWorker: NewWorker): Promise<WorkerHosted> {
  const pool = new BufferPool();
  const slots = new WorkerSlots(options, (index) => newWorker(index, pool));
  const { signatures, isSynchronous, loadMs, warnings } = await slots.start();
  const host = new WorkerHost(options, slots, pool);
  const residentBytes = (): number | undefined => slots.residentBytes;
  const close = (): Promise<void> => host.close();
  return { signatures, executor: host, residentBytes, close, isSynchronous, loadMs, warnings };
}

const NO_ORIGIN: Pick<BatchOrigin, 'traceparent'> = { traceparent: undefined };

/** What a worker has in hand. */
interface Given {
  readonly batch: Batch;
  readonly worker: HostWorker;
}

class WorkerHost implements Executor {
  readonly slots: number;
  readonly #model: string;
  readonly #clock: Clock;
  readonly #workers: WorkerSlots;
  readonly #pool: BufferPool;
  readonly #inFlight = new RunsInFlight();
  readonly #given: Given[] = [];
  #closed: Promise<void> | undefined;

  constructor(options: WorkerHostOptions, workers: WorkerSlots, pool: BufferPool) {
    this.slots = options.slots;
    this.#model = options.model;
    this.#clock = options.clock;
    this.#workers = workers;
    this.#pool = pool;
  }

  get takesNext(): boolean {
    return this.#workers.takesNext;
  }

  allocate(byteLength: number): ArrayBuffer {
    return this.#pool.allocate(byteLength);
  }

  release(buffer: ArrayBuffer): void {
    this.#pool.release(buffer);
  }

  async run(batch: Batch, after?: Batch): Promise<BatchResult> {
    if (this.#closed !== undefined) throw unloaded(this.#model);
    this.#inFlight.begin();
    try {
      return this.#toResult(await this.#runOnWorker(batch, after));
    } finally {
      this.#pool.releaseInputs(batch.inputs);
      this.#inFlight.end();
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#drainAndStop();
    return this.#closed;
  }

  async #drainAndStop(): Promise<void> {
    await this.#inFlight.idle();
    await this.#workers.close();
  }

  async #runOnWorker(batch: Batch, after: Batch | undefined): Promise<Answer> {
    const worker = this.#runnerOf(after) ?? this.#workers.takeIdle() ?? (await this.#workers.waitForIdle());
    const given = { batch, worker };
    let isProven = false;
    try {
      if (this.#clock.nowMs() > batch.deadline) throw expiredBeforeRun();
      const answered = this.#send(worker, batch);
      this.#given.push(given);
      // If it dies before it answers, it is given back no more.
      isProven = true;
      return await answered;
    } finally {
      if (isProven) this.#given.splice(this.#given.indexOf(given), 1);
      this.#workers.giveBack(worker, isProven);
    }
  }

  /** The worker that runs `after`, if it can be given its next one. */
  #runnerOf(after: Batch | undefined): HostWorker | undefined {
    if (after === undefined) return undefined;
    const worker = this.#given.find(({ batch }) => batch === after)?.worker;
    return worker?.isBusy === true && worker.hasPlace === true ? worker : undefined;
  }

  #send(worker: HostWorker, { signatureName, inputs, outputs, deadline, origin }: Batch): Promise<Answer> {
    const { traceparent } = origin ?? NO_ORIGIN;
    const toMachine = machineTimeMs() - this.#clock.nowMs();
    return worker.run({ signatureName, inputs, outputs, deadline: deadline + toMachine, traceparent });
  }

  #toResult({ outputs, runStart, runEnd }: Answer): BatchResult {
    const toClock = this.#clock.nowMs() - machineTimeMs();
    return { outputs, runStart: runStart + toClock, runEnd: runEnd + toClock };
  }
}
