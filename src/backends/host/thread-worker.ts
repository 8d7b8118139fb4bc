/**
 * One life of one worker thread that hosts a session: load, run one batch at a time, close or die. No restarts here.
 *
 * Every promise handed out settles, whatever the thread does: when it exits, what was pending is rejected with
 * `worker_lost`, or `load_failed` if it had not loaded yet.
 */
import { Worker } from 'node:worker_threads';
import { ServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import { siblingModule } from './sibling-module.ts';
import {
  type DoneMessage,
  type FailedMessage,
  fromErrorMessage,
  type MessageFromWorker,
  type MessageToWorker,
  type RunMessage,
  type WorkerStart,
} from './thread-protocol.ts';

type Signatures = ReadonlyMap<string, Signature>;

interface Pending<T> {
  resolve(value: T): void;
  reject(error: ServingError): void;
}

export class ThreadWorker {
  /** Resolves once the session is loaded; rejects with its `load_failed`. */
  readonly ready: Promise<Signatures>;
  /** Called with the reason when the thread is gone, before what was pending is rejected. */
  onExit: ((reason: string) => void) | undefined;

  readonly #worker: Worker;
  readonly #model: string;
  #loading: Pending<Signatures> | undefined;
  #running: Pending<DoneMessage | FailedMessage> | undefined;
  #closing: Pending<void> | undefined;
  #errorText: string | undefined;
  /** Set by the exit; the reason. */
  #goneBecause: string | undefined;

  /** `name` is what profilers and `top -H` show; `model` stands in messages. */
  constructor(start: WorkerStart, name: string, model: string) {
    this.#model = model;
    this.#worker = new Worker(siblingModule(import.meta.url, './thread-entry'), {
      workerData: start,
      name,
      execArgv: [],
    });
    this.ready = new Promise((resolve, reject) => {
      this.#loading = { resolve, reject };
    });
    // Who waits for it sees the rejection; who closes before that need not.
    this.ready.catch(() => undefined);
    this.#worker.on('exit', (code) => this.#settleExit(this.#errorText ?? `exit code ${code}`));
    this.#worker.on('message', (message: MessageFromWorker) => this.#onMessage(message));
    this.#worker.on('error', (error) => {
      this.#errorText = error instanceof Error ? error.message : String(error);
    });
    // An answer that cannot be read: nothing sensible can follow, the exit settles what waits.
    this.#worker.on('messageerror', (error) => {
      this.#errorText = error.message;
      void this.#worker.terminate();
    });
  }

  /** Why the thread is gone; undefined while it lives. */
  get goneBecause(): string | undefined {
    return this.#goneBecause;
  }

  /** Sends the batch with its buffers. One at a time. Rejects with `worker_lost` if the thread dies meanwhile. */
  run(message: RunMessage, transfer: readonly ArrayBuffer[]): Promise<DoneMessage | FailedMessage> {
    if (this.#running !== undefined) throw new Error('a worker runs one batch at a time');
    return new Promise((resolve, reject) => {
      this.#worker.postMessage(message, transfer);
      this.#running = { resolve, reject };
    });
  }

  /**
   * Frees the session, ends the thread, and resolves when it is gone. Called between runs. A load in progress is waited
   * for: a thread that is ended inside native code which then throws takes the whole process along (seen with ONNX
   * Runtime 1.30: "terminate called after throwing an instance of 'Napi::Error'").
   */
  async close(): Promise<void> {
    const isLoaded = await this.ready.then(
      () => true,
      () => false,
    );
    if (isLoaded && this.#goneBecause === undefined) {
      await new Promise<void>((resolve) => {
        this.#closing = { resolve, reject: () => resolve() };
        this.#worker.postMessage({ type: 'close' } satisfies MessageToWorker);
      });
    }
    await this.#worker.terminate();
  }

  #onMessage(message: MessageFromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#loading?.resolve(message.signatures);
        this.#loading = undefined;
        break;
      case 'load_failed':
        this.#loading?.reject(fromErrorMessage(message.error));
        break;
      case 'done':
      case 'failed': {
        const running = this.#running;
        this.#running = undefined;
        running?.resolve(message);
        break;
      }
      case 'closed':
        this.#closing?.resolve();
    }
  }

  #settleExit(reason: string): void {
    this.#goneBecause = reason;
    this.onExit?.(reason);
    this.#loading?.reject(
      new ServingError('load_failed', `model "${this.#model}": its worker thread ended while loading (${reason})`),
    );
    this.#running?.reject(
      new ServingError(
        'worker_lost',
        `model "${this.#model}": the worker thread that ran this batch died (${reason}); it is replaced, send it again`,
      ),
    );
    this.#closing?.resolve();
  }
}
