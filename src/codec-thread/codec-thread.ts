/**
 * Large messages are decoded and encoded on a thread of their own, so that no request holds the event loop. Small ones
 * never come here: for them a message to a thread costs more than the work.
 *
 *   event loop   body ─ transfer ─▶            ┌─▶ tensors ─ check, submit … ─▶ outputs ─ copy in slices ─▶     ┌─▶ answer
 *   codec thread                   read, pack ─┘                                               print, write ─┘
 *
 * There is one thread for all surfaces. It starts with the first large message and ends when it has been idle, which
 * gives its memory back. Users come one after another; one that is no longer wanted when its turn comes is skipped.
 * A message has a limit, and so has the work for it: the thread is never held for ever.
 */
import { Worker } from 'node:worker_threads';
import { fromErrorMessage } from '../backends/host/error-message.ts';
import { siblingModule } from '../backends/host/sibling-module.ts';
import { decodeCost, type PREDICT_WALK } from '../codec/tensorflow/decode-cost.ts';
import type { CancelSignal } from '../core/cancel.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { ServingError } from '../core/errors.ts';
import type { CodecJobs, JobName } from './codec-jobs.ts';
import { buffersIn, type JobAnswer, type JobMessage } from './codec-protocol.ts';

/**
 * Messages above this size are decoded on the thread: the slowest spelling takes about 60 ns a byte, so that smaller
 * ones hold the event loop for 8 ms at most. Of what can be read in place, it is the size of the rest.
 */
export const LARGE_MESSAGE_BYTES = 128 * 1024;

/** The users that may wait. Each has a message of its own in memory. */
const MAX_WAITING = 64;

/** When a user that found no place may come again. */
const RETRY_AFTER_MS = 1000;

/**
 * Outputs above these sizes are written on the thread. As JSON a float32 takes about 100 ns; as protobuf a varint of 64
 * bits takes about 30 ns, and most others are copied.
 */
export const LARGE_JSON_OUTPUTS = 128 * 1024;
export const LARGE_PROTOBUF_OUTPUTS = 1024 * 1024;
/** Outputs above this size are written slice by slice, as their client takes them: as text they are five times as large. */
export const HUGE_JSON_OUTPUTS = 4 * 2 ** 20;

/** The thread ends after so long without a user. */
const IDLE_MS = 10_000;

/** Does a job: takes over the large memory in `args`. Rejects with the job's ServingError. */
export type Ask = <Name extends JobName>(
  name: Name,
  ...args: Parameters<CodecJobs[Name]>
) => Promise<ReturnType<CodecJobs[Name]>>;

interface Pending {
  resolve(result: never): void;
  reject(error: unknown): void;
}

/** The part of a request's context that is needed. */
export interface Wanted {
  readonly cancel: CancelSignal;
  /** A part of it has been written already: it waits however many do. Default: false. */
  readonly hasBegun?: boolean;
}

export class CodecThread {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #isUsed = false;
  #worker: Worker | undefined;
  #job: Pending | undefined;
  #idle: TimerHandle | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs `work` when all users before have ended; nobody else asks before it has. Rejects with what it rejects with,
   * with the cancel reason, or with `overloaded` if too many wait.
   */
  async use<T>({ cancel, hasBegun = false }: Wanted, work: (ask: Ask) => Promise<T>): Promise<T> {
    await this.#turn(hasBegun ? Infinity : MAX_WAITING);
    try {
      cancel.throwIfCancelled();
      return await work(this.#ask);
    } finally {
      this.#next();
    }
  }

  /** The users that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Asks for one job. */
  ask<Name extends JobName>(
    wanted: Wanted,
    name: Name,
    ...args: Parameters<CodecJobs[Name]>
  ): Promise<ReturnType<CodecJobs[Name]>> {
    return this.use(wanted, (ask) => ask(name, ...args));
  }

  /** Ends the thread; a job in hand fails. */
  async close(): Promise<void> {
    this.#idle?.cancel();
    await this.#end();
  }

  #turn(maxWaiting: number): Promise<void> | undefined {
    if (!this.#isUsed) {
      this.#isUsed = true;
      this.#idle?.cancel();
      return undefined;
    }
    if (this.#waiting.length >= maxWaiting) throw tooMany();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next();
      return;
    }
    this.#isUsed = false;
    this.#idle = this.#clock.setTimer(this.#clock.nowMs() + IDLE_MS, () => void this.#end());
  }

  /** The next job starts a new thread. */
  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#fail('the server ends');
    await worker?.terminate();
  }

  #fail(problem: string): void {
    const job = this.#job;
    this.#job = undefined;
    job?.reject(lost(problem));
  }

  readonly #ask = <Name extends JobName>(
    name: Name,
    ...args: Parameters<CodecJobs[Name]>
  ): Promise<ReturnType<CodecJobs[Name]>> =>
    new Promise((resolve, reject) => {
      this.#worker ??= this.#start();
      this.#worker.postMessage({ name, args } satisfies JobMessage, [...buffersIn(args)]);
      this.#job = { resolve, reject };
    });

  #start(): Worker {
    const worker = new Worker(siblingModule(import.meta.url, './codec-entry'), { name: 'pillion:codec', execArgv: [] });
    // It waits for messages, and is no reason for the process to live on.
    worker.unref();
    let problem = 'it ended';
    worker.on('message', (answer: JobAnswer) => {
      const job = this.#job;
      this.#job = undefined;
      if ('error' in answer) job?.reject(fromErrorMessage(answer.error));
      else job?.resolve(answer.result as never);
    });
    worker.on('error', (error) => {
      problem = error instanceof Error ? error.message : String(error);
    });
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#fail(problem);
    });
    return worker;
  }
}

/** The thread, if a message above LARGE_MESSAGE_BYTES is large even without what is read in place. */
export function threadFor(
  thread: CodecThread | undefined,
  message: Uint8Array,
  walk: typeof PREDICT_WALK,
): CodecThread | undefined {
  return decodeCost(message, walk, LARGE_MESSAGE_BYTES) < LARGE_MESSAGE_BYTES ? undefined : thread;
}

function tooMany(): ServingError {
  return new ServingError(
    'overloaded',
    `${MAX_WAITING} large messages wait to be read or written, which is the most; send it again later, or in parts`,
    { retryAfterMs: RETRY_AFTER_MS },
  );
}

function lost(problem: string): ServingError {
  return new ServingError('worker_lost', `the thread that reads large messages ended (${problem}); send it again`);
}
