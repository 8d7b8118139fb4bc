/**
 * A worker thread that hosts a session, from start to end: it loads, runs one batch at a time, and closes or dies. Its
 * owner replaces it (worker-slots.ts). A thread with a mailbox accepts its next batch while it runs one.
 *
 * A batch goes through the mailbox if it can (mailbox.ts), else by message (tensor-transfer.ts). Every promise that it
 * returns settles, whatever the thread does: when it exits, pending runs are rejected with `worker_lost`, and a pending
 * load with `load_failed`.
 */
import { Worker } from 'node:worker_threads';
import { ServingError } from '../../../core/errors.ts';
import type { BufferPool } from '../buffer-pool.ts';
import { fromErrorMessage } from '../error-message.ts';
import type { HostWorker, Pending } from '../host-worker.ts';
import { siblingModule } from '../sibling-module.ts';
import { buffersOf, packTensors, unpackTensors } from '../tensor-transfer.ts';
import type { Answer, Call } from '../worker-call.ts';
import { MailboxSender } from './mailbox-sender.ts';
import {
  ANSWERED,
  type MessageFromWorker,
  type MessageToWorker,
  type ReadyMessage,
  type WorkerStart,
} from './thread-protocol.ts';

export class ThreadWorker implements HostWorker {
  readonly ready: Promise<ReadyMessage>;
  onExit: ((reason: string) => void) | undefined;
  onNotes: HostWorker['onNotes'];

  readonly #worker: Worker;
  readonly #start: WorkerStart;
  readonly #model: string;
  /** The source of the messages' buffers. */
  readonly #pool: BufferPool;
  /** Undefined until ready, and when everything goes by message. */
  #mailbox: MailboxSender | undefined;
  #loading: Pending<ReadyMessage> | undefined;
  /** Unanswered runs, in order. */
  readonly #runs: Pending<Answer>[] = [];
  #closing: Pending<void> | undefined;
  #closed: Promise<void> | undefined;
  #errorText: string | undefined;
  /** The reason of its exit. */
  #goneBecause: string | undefined;

  /** `name` is shown by profilers and `top -H`; `model` by error messages. */
  constructor(start: WorkerStart, name: string, model: string, pool: BufferPool) {
    this.#start = start;
    this.#model = model;
    this.#pool = pool;
    this.#worker = new Worker(siblingModule(import.meta.url, './thread-entry'), {
      workerData: start,
      name,
      execArgv: [],
    });
    this.ready = new Promise((resolve, reject) => {
      this.#loading = { resolve, reject };
    });
    // A caller that closes before it has loaded need not handle the rejection.
    this.ready.catch(() => undefined);
    this.#worker.on('exit', (code) => this.#settleExit(this.#errorText ?? `exit code ${code}`));
    this.#worker.on('message', (message: MessageFromWorker) => this.#onMessage(message));
    this.#worker.on('error', (error) => {
      this.#errorText = error instanceof Error ? error.message : String(error);
    });
    // The thread is ended after an answer that cannot be read; its exit settles the pending promises.
    this.#worker.on('messageerror', (error) => {
      this.#errorText = error.message;
      void this.#worker.terminate();
    });
  }

  get goneBecause(): string | undefined {
    return this.#goneBecause;
  }

  /** True with a mailbox, which is read between two batches: two messages would run concurrently. */
  get takesNext(): boolean {
    return this.#mailbox !== undefined;
  }

  get isBusy(): boolean {
    return this.#runs.length > 0;
  }

  get hasPlace(): boolean {
    return this.#goneBecause === undefined && this.#runs.length < (this.takesNext ? 2 : 1);
  }

  run(call: Call): Promise<Answer> {
    if (!this.hasPlace) throw new Error('a worker runs one batch at a time');
    return new Promise((resolve, reject) => {
      if (this.#mailbox?.write(call) === true) this.#mailbox.ring();
      else {
        const inputs = packTensors(call.inputs, this.#pool);
        this.#post({ type: 'run', ...call, inputs }, buffersOf(inputs));
      }
      this.#runs.push({ resolve, reject });
    });
  }

  /**
   * Idempotent. A load in progress is told that nobody needs it, and waited for: native code that throws in a
   * terminated thread ends the whole process (seen with ONNX Runtime 1.30: "terminate called after throwing an instance
   * of 'Napi::Error'").
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#loading !== undefined) this.#post({ type: 'abort' });
    const isLoaded = await this.ready.then(
      () => true,
      () => false,
    );
    if (isLoaded && this.#goneBecause === undefined) {
      await new Promise<void>((resolve) => {
        this.#closing = { resolve, reject: () => resolve() };
        this.#post({ type: 'close' });
      });
    }
    await this.#worker.terminate();
  }

  #post(message: MessageToWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
    this.#mailbox?.ringForMessage();
  }

  #onMessage(message: MessageFromWorker): void {
    if (message === ANSWERED) {
      const answer = this.#mailbox!.readAnswer();
      this.#settleRun()?.resolve(answer);
      return;
    }
    switch (message.type) {
      case 'ready':
        this.#onReady(message);
        break;
      case 'load_failed':
        this.#loading?.reject(fromErrorMessage(message.error));
        this.#loading = undefined;
        break;
      case 'done':
        for (const buffer of message.inputBuffers) this.#pool.keep(buffer);
        this.#settleRun()?.resolve({ ...message, outputs: unpackTensors(message.outputs) });
        break;
      case 'failed':
        this.#settleRun()?.reject(fromErrorMessage(message.error));
        break;
      case 'notes':
        this.onNotes?.(message.notes);
        break;
      case 'closed':
        this.#closing?.resolve();
    }
  }

  #onReady(message: ReadyMessage): void {
    const { mailbox } = this.#start;
    if (mailbox !== undefined && message.isSynchronous) this.#mailbox = new MailboxSender(mailbox, message.signatures);
    this.#loading?.resolve(message);
    this.#loading = undefined;
  }

  #settleRun(): Pending<Answer> | undefined {
    this.#mailbox?.forget();
    return this.#runs.shift();
  }

  #settleExit(reason: string): void {
    this.#goneBecause = reason;
    this.onExit?.(reason);
    this.#loading?.reject(
      new ServingError('load_failed', `model "${this.#model}": its worker thread ended while loading (${reason})`, {
        attributes: { workerEnded: true },
      }),
    );
    const lost = `model "${this.#model}": the worker thread that ran this batch died (${reason}); it is replaced, send it again`;
    for (const run of this.#runs.splice(0)) run.reject(new ServingError('worker_lost', lost));
    this.#closing?.resolve();
  }
}
