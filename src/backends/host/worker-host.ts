/**
 * A model on N workers (threads or processes), each with its own session, as the scheduler's Executor.
 *
 *     run(batch, after) ──▶ the worker that runs `after`, if it takes a next one; else:
 *     run(batch) ──▶ idle worker? ──yes──▶ inputs cross to it ──▶ outputs cross back, input memory pooled
 *                        │ no
 *                        ▼
 *                    some worker alive? ──yes──▶ waits for the next free one, first come, first served
 *                        │ no
 *                        ▼
 *                    worker_lost at once, with the time until the next attempt to replace one
 *
 * When a worker dies, only its own batches fail (`worker_lost`, which may be retried), and it is replaced with back-off
 * (restart-backoff.ts). A waiting batch waits for the runs before it, not for a replacement to load. A worker that
 * cannot load at the start fails the start: nothing is left running, and there is no retry.
 */
import type { Clock, Instant } from '../../core/clock.ts';
import type { Batch, BatchOrigin, BatchResult, Executor, SessionPlan } from '../../core/executor.ts';
import type { Signatures } from '../../core/signature.ts';
import { RunsInFlight } from '../session-runs.ts';
import { BufferPool } from './buffer-pool.ts';
import type { HostWorker } from './host-worker.ts';
import { expiredBeforeRun, type HostedSession, unloaded } from './hosted-session.ts';
import type { SandboxState } from './process/sandbox.ts';
import { SessionGrowth } from './sessions/session-growth.ts';
import { type Answer, machineTimeMs } from './worker-call.ts';
import type { WorkerHostOptions } from './worker-host-options.ts';
import { WorkerSlots } from './worker-slots.ts';

export interface WorkerHosted extends HostedSession {
  /** The session has runSync. */
  readonly isSynchronous: boolean;
  readonly loadMs: number;
}

/** Creates a worker whose runs have so many threads; the pool provides the batches' memory. */
export type NewWorker = (index: number, pool: BufferPool, threads: number) => HostWorker;

/** Starts the workers and resolves when all have loaded. Rejects with `load_failed` when one cannot. */
export async function startWorkerHost(options: WorkerHostOptions, newWorker: NewWorker): Promise<WorkerHosted> {
  const pool = new BufferPool();
  const slots = new WorkerSlots(options, (index, threads) => newWorker(index, pool, threads));
  const { signatures, isSynchronous, loadMs, warnings } = await slots.start();
  const host = new WorkerHost(options, slots, pool, signatures);
  const residentBytes = (): number | undefined => slots.residentBytes;
  const sandbox = (): SandboxState | undefined => slots.sandbox;
  const close = (): Promise<void> => host.close();
  return { signatures, executor: host, residentBytes, sandbox, close, isSynchronous, loadMs, warnings };
}

/** A trial run that takes longer is ended, where runs can be. */
const MOST_TRIAL_MS = 30_000;

const NO_ORIGIN: Pick<BatchOrigin, 'traceparent'> = { traceparent: undefined };

/** An unanswered batch and its worker. */
interface Assignment {
  readonly batch: Batch;
  readonly worker: HostWorker;
}

class WorkerHost implements Executor {
  onSlots: (() => void) | undefined;
  readonly #model: string;
  readonly #clock: Clock;
  readonly #workers: WorkerSlots;
  readonly #pool: BufferPool;
  readonly #inFlight = new RunsInFlight();
  readonly #assignments: Assignment[] = [];
  readonly #growth: SessionGrowth | undefined;
  readonly #isOnDevice: boolean;
  readonly #endsAbandonedRuns: boolean;
  /** The last state; undefined = the sessions and their threads are fixed. */
  plans: readonly SessionPlan[] | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    { model, clock, elastic, loadOptions, endsAbandonedRuns = false }: WorkerHostOptions,
    workers: WorkerSlots,
    pool: BufferPool,
    signatures: Signatures,
  ) {
    this.#model = model;
    this.#clock = clock;
    this.#workers = workers;
    this.#pool = pool;
    this.#isOnDevice = loadOptions.executionProvider !== 'cpu';
    this.#endsAbandonedRuns = endsAbandonedRuns;
    if (elastic === undefined) return;
    this.plans = workers.plans;
    const onChange = (): void => {
      this.plans = workers.plans;
      this.onSlots?.();
    };
    const context = { workers, clock, elastic, signatures, onChange };
    this.#growth = new SessionGrowth(context);
  }

  /** A run waits for its device. */
  get isOnDevice(): boolean {
    return this.#isOnDevice;
  }

  get slots(): number {
    return this.#workers.count;
  }

  get threads(): number {
    return this.#workers.threads;
  }

  get widestThreads(): number | undefined {
    return this.#growth?.widestThreads;
  }

  grow(): void {
    this.#growth?.grow();
  }

  widen(): void {
    this.#growth?.widen();
  }

  use(threads: number): void {
    if (threads === this.threads || this.#workers.countOf(threads) === 0) return;
    this.#workers.activate(threads);
    this.#growth?.notePlan();
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
    this.#growth?.close();
    await this.#inFlight.idle();
    await this.#workers.close();
  }

  async #runOnWorker(batch: Batch, after: Batch | undefined): Promise<Answer> {
    const worker = this.#runnerOf(after) ?? this.#workers.takeIdle() ?? (await this.#workers.waitForIdle());
    const assignment = { batch, worker };
    let isProven = false;
    try {
      if (this.#clock.nowMs() > batch.deadline) throw expiredBeforeRun();
      const answered = this.#send(worker, batch);
      this.#assignments.push(assignment);
      this.#growth?.noteRun(this.#assignments.length);
      // A worker that dies before it answers is no longer in its slot: giveBack ignores it.
      isProven = true;
      return await answered;
    } finally {
      if (isProven) this.#assignments.splice(this.#assignments.indexOf(assignment), 1);
      this.#workers.giveBack(worker, isProven);
    }
  }

  /** The worker that runs `after`, if it accepts its next batch. */
  #runnerOf(after: Batch | undefined): HostWorker | undefined {
    if (after === undefined) return undefined;
    const worker = this.#assignments.find(({ batch }) => batch === after)?.worker;
    const takesIt = worker?.isBusy === true && worker.hasPlace === true && this.#workers.isCurrent(worker);
    return takesIt ? worker : undefined;
  }

  #send(worker: HostWorker, { signatureName, inputs, outputs, deadline, origin }: Batch): Promise<Answer> {
    const { traceparent } = origin ?? NO_ORIGIN;
    const now = this.#clock.nowMs();
    const toMachine = machineTimeMs() - now;
    const until = this.#endsAbandonedRuns ? this.#limitRun(worker, deadline, now, origin) : deadline;
    return worker.run({ signatureName, inputs, outputs, deadline: until + toMachine, traceparent });
  }

  /** Its worker hears when the callers have gone; a trial, for which nobody waits, has a deadline. */
  #limitRun(worker: HostWorker, deadline: Instant, now: Instant, origin: BatchOrigin | undefined): Instant {
    if (origin === undefined) return Math.min(deadline, now + MOST_TRIAL_MS);
    origin.onAbandoned = () => worker.abandonRun?.();
    return deadline;
  }

  #toResult({ outputs, runStart, runEnd }: Answer): BatchResult {
    const toClock = this.#clock.nowMs() - machineTimeMs();
    return { outputs, runStart: runStart + toClock, runEnd: runEnd + toClock };
  }
}
