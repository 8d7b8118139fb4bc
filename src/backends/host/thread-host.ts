/**
 * A model on N worker threads, each with its own session: the Executor that the scheduler sees.
 *
 *     run(batch) ──▶ idle worker? ──yes──▶ inputs cross to it ──▶ outputs cross back, input memory pooled
 *                        │ no
 *                        ▼
 *                    some worker alive? ──yes──▶ waits, first come first served, for the next free one
 *                        │ no
 *                        ▼
 *                    worker_lost at once, with the time until the next attempt to replace one
 *
 * A worker that dies takes its batch with it (`worker_lost`, which may be retried), never another's, and is replaced
 * with back-off (restart-backoff.ts). A batch that waits is bounded by the runs before it, not by a replacement's load.
 * A worker that cannot load at the start fails the start: nothing is left running, and there is no loop.
 *
 * Small batches are copied through memory that the threads share (mailbox.ts); large ones, and strings, go by message,
 * in buffers that are moved there and back. What it saves: bench/micro/hosts.ts.
 */
import type { Clock } from '../../core/clock.ts';
import type { Batch, BatchResult, Executor } from '../../core/executor.ts';
import { BufferPool } from './buffer-pool.ts';
import { expiredBeforeRun, type HostedSession, unloaded } from './hosted-session.ts';
import { RunsInFlight } from './runs-in-flight.ts';
import { type Answer, threadTimeMs } from './thread-protocol.ts';
import type { ThreadWorker } from './thread-worker.ts';
import { type ThreadHostOptions, WorkerSlots } from './worker-slots.ts';

export interface ThreadHosted extends HostedSession {
  /** What loading it in a thread has shown: start-host.ts chooses by it. */
  readonly isSynchronous: boolean;
  readonly loadMs: number;
}

/** Starts the workers and resolves when all have loaded. Rejects with `load_failed` when one cannot. */
export async function startThreadHost(options: ThreadHostOptions): Promise<ThreadHosted> {
  const pool = new BufferPool();
  const slots = new WorkerSlots(options, pool);
  const { signatures, isSynchronous, loadMs } = await slots.start();
  const host = new ThreadHost(options, slots, pool);
  return { signatures, executor: host, close: () => host.close(), isSynchronous, loadMs };
}

class ThreadHost implements Executor {
  readonly slots: number;
  readonly #model: string;
  readonly #clock: Clock;
  readonly #workers: WorkerSlots;
  readonly #pool: BufferPool;
  readonly #inFlight = new RunsInFlight();
  #closed: Promise<void> | undefined;

  constructor(options: ThreadHostOptions, workers: WorkerSlots, pool: BufferPool) {
    this.slots = options.slots;
    this.#model = options.model;
    this.#clock = options.clock;
    this.#workers = workers;
    this.#pool = pool;
  }

  allocate(byteLength: number): ArrayBuffer {
    return this.#pool.allocate(byteLength);
  }

  release(buffer: ArrayBuffer): void {
    this.#pool.release(buffer);
  }

  async run(batch: Batch): Promise<BatchResult> {
    if (this.#closed !== undefined) throw unloaded(this.#model);
    this.#inFlight.begin();
    try {
      return this.#toResult(await this.#runOnWorker(batch));
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

  async #runOnWorker(batch: Batch): Promise<Answer> {
    const worker = this.#workers.takeIdle() ?? (await this.#workers.waitForIdle());
    let isProven = false;
    try {
      if (this.#clock.nowMs() > batch.deadline) throw expiredBeforeRun();
      const answered = this.#send(worker, batch);
      // If it dies before it answers, it is given back no more.
      isProven = true;
      return await answered;
    } finally {
      this.#workers.giveBack(worker, isProven);
    }
  }

  #send(worker: ThreadWorker, { signatureName, inputs, outputs, deadline }: Batch): Promise<Answer> {
    return worker.run({ signatureName, inputs, outputs, deadline: deadline - this.#clock.nowMs() + threadTimeMs() });
  }

  #toResult({ outputs, runStart, runEnd }: Answer): BatchResult {
    const toClock = this.#clock.nowMs() - threadTimeMs();
    return { outputs, runStart: runStart + toClock, runEnd: runEnd + toClock };
  }
}
