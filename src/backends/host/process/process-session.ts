/**
 * One session in a child process, from load to end: it runs one batch at a time, and ends by close or with its process.
 * Its owner restarts it (worker-slots.ts).
 *
 * Every promise that it returns settles, whatever the process does: when the session is gone, pending runs are rejected
 * with `worker_lost`, or with `worker_crashed` where the run itself ended the process, and a pending load with
 * `load_failed`.
 */
import type { Clock, Instant, TimerHandle } from '../../../core/clock.ts';
import { ServingError } from '../../../core/errors.ts';
import type { BackendNote } from '../backend-notes.ts';
import { type ErrorMessage, fromErrorMessage } from '../error-message.ts';
import type { HostWorker, Pending, WorkerLoad, WorkerReady } from '../host-worker.ts';
import { type Answer, type Call, machineTimeMs } from '../worker-call.ts';
import { FRAME, type Frame, readValue, valueFrame } from './frame.ts';
import type { SandboxState } from './sandbox.ts';
import { callFrame, type Pieces, readAnswer } from './tensor-frames.ts';

/** The process, as a session sees it. */
export interface ProcessLink {
  readonly clock: Clock;
  /** Other sessions may be in it. */
  readonly isShared: boolean;
  /** The process in messages: 'process', 'process of group "small"'. */
  readonly title: string;
  readonly residentBytes: number | undefined;
  readonly sandbox: SandboxState;
  /** The caller must not touch the pieces until the answer comes. */
  write(pieces: Pieces): void;
  /** The `runDeadline` of a session has changed. */
  onRunsChanged(): void;
  isAlone(session: ProcessSession): boolean;
  /** Removes a session that has ended. Resolves at once, or, if it was the last one, when the process is gone. */
  release(session: ProcessSession): Promise<void>;
  /** Kills the process and all of its sessions; errors and logs name `reason`. Resolves when it is gone. */
  kill(reason: string): Promise<void>;
}

/** How long closing the session may take. */
const CLOSE_GRACE_MS = 5000;

export class ProcessSession implements HostWorker {
  readonly id: number;
  readonly model: string;
  readonly ready: Promise<WorkerReady>;
  onExit: HostWorker['onExit'];
  onTooLarge: HostWorker['onTooLarge'];
  onNotes: HostWorker['onNotes'];

  readonly #link: ProcessLink;
  readonly #gone: Promise<void>;
  #settleGone!: () => void;
  #loading: Pending<WorkerReady> | undefined;
  #state: 'waiting' | 'loading' | 'ready' | 'gone' = 'waiting';
  #running: { readonly call: Call; readonly pending: Pending<Answer> } | undefined;
  /** When the current run was abandoned, on the server's clock; Infinity = somebody waits for it. */
  #abandonedAt: Instant = Infinity;
  #goneBecause: string | undefined;
  #isBlameless = false;
  #closed: Promise<void> | undefined;

  constructor(link: ProcessLink, id: number, model: string) {
    this.#link = link;
    this.id = id;
    this.model = model;
    this.ready = new Promise((resolve, reject) => {
      this.#loading = { resolve, reject };
    });
    // A caller that closes before it has loaded need not handle the rejection.
    this.ready.catch(() => undefined);
    this.#gone = new Promise((resolve) => {
      this.#settleGone = resolve;
    });
  }

  get goneBecause(): string | undefined {
    return this.#goneBecause;
  }

  get isBlameless(): boolean {
    return this.#isBlameless;
  }

  /** Undefined for a shared process, whose memory the group reports. */
  get residentBytes(): number | undefined {
    return this.#link.isShared || this.#state === 'gone' ? undefined : this.#link.residentBytes;
  }

  get sandbox(): SandboxState {
    return this.#link.sandbox;
  }

  /** It loads, or runs a batch. */
  get isActive(): boolean {
    return this.#state === 'loading' || this.#running !== undefined;
  }

  /** When nobody needs the current run any more, on the server's clock; Infinity = no run, or no deadline. */
  get runDeadline(): Instant {
    if (this.#running === undefined) return Infinity;
    return Math.min(this.#abandonedAt, this.#running.call.deadline - machineTimeMs() + this.#link.clock.nowMs());
  }

  /** The traceparent of the current run, if it is traced. */
  get traceparent(): string | undefined {
    return this.#running?.call.traceparent;
  }

  /** Resolves when it has loaded or has failed to load. */
  async load(load: WorkerLoad): Promise<void> {
    if (this.#state !== 'waiting') return;
    this.#state = 'loading';
    this.#link.write([valueFrame(FRAME.start, this.id, load)]);
    await this.ready.catch(() => undefined);
  }

  run(call: Call): Promise<Answer> {
    if (this.#running !== undefined) throw new Error('a worker runs one batch at a time');
    return new Promise((resolve, reject) => {
      const pieces = callFrame(call, this.id);
      this.#running = { call, pending: { resolve, reject } };
      this.#abandonedAt = Infinity;
      this.#link.onRunsChanged();
      this.#link.write(pieces);
    });
  }

  abandonRun(): void {
    this.#abandonedAt = this.#link.clock.nowMs();
    this.#link.onRunsChanged();
  }

  /** Waits for a load in progress only when other sessions need the process. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  reportTooLarge(reason: string): void {
    if (this.#state === 'ready') this.onTooLarge?.(reason);
  }

  /** Throws a plain Error for a frame that only the server sends. */
  onFrame(frame: Frame): void {
    switch (frame.kind) {
      case FRAME.ready:
        this.#state = 'ready';
        this.#loading?.resolve(readValue(frame) as WorkerReady);
        this.#loading = undefined;
        break;
      case FRAME.loadFailed:
        this.#loading?.reject(fromErrorMessage(readValue(frame) as ErrorMessage));
        this.#loading = undefined;
        this.#end('it could not be loaded');
        break;
      case FRAME.done:
        this.#settleRun()?.resolve(readAnswer(frame));
        break;
      case FRAME.failed:
        this.#settleRun()?.reject(fromErrorMessage(readValue(frame) as ErrorMessage));
        break;
      case FRAME.closed:
        this.#end('it was closed');
        break;
      case FRAME.notes:
        this.onNotes?.(readValue(frame) as readonly BackendNote[]);
        break;
      case FRAME.lost:
        this.#lose(readValue(frame) as string, `thread in the ${this.#link.title}`);
        break;
      default:
        throw new Error(`a frame of kind ${frame.kind} came from a model's process`);
    }
  }

  /** Its process is gone. `isBlameless`: as in HostWorker. `isOwnFault`: the session's run ended it, by itself. */
  settleExit(reason: string, isBlameless: boolean, isOwnFault: boolean): void {
    this.#isBlameless = isBlameless;
    this.#lose(reason, this.#link.title, isOwnFault);
  }

  async #close(): Promise<void> {
    if (this.#state === 'gone') return this.#link.release(this);
    if (this.#state !== 'ready' && this.#link.isAlone(this)) return this.#link.kill('it was closed while it loaded');
    if (this.#state === 'waiting') this.#lose('it was closed before it loaded', this.#link.title);
    else {
      this.#link.write([valueFrame(FRAME.close, this.id)]);
      const timer = this.#setGraceTimer();
      await this.#gone;
      timer.cancel();
    }
    await this.#link.release(this);
  }

  /** If other sessions use the process, it lives on, and what this session has not freed stays until it ends. */
  #setGraceTimer(): TimerHandle {
    const { clock } = this.#link;
    return clock.setTimer(clock.nowMs() + CLOSE_GRACE_MS, () => {
      const reason = 'it did not end in time';
      if (this.#link.isAlone(this)) void this.#link.kill(reason);
      else this.#lose(reason, this.#link.title);
    });
  }

  #lose(reason: string, what: string, isOwnFault = false): void {
    if (this.#state === 'gone') return;
    this.#goneBecause = reason;
    this.onExit?.(reason);
    this.#loading?.reject(
      new ServingError('load_failed', `model "${this.model}": its ${what} ended while loading (${reason})`, {
        attributes: { workerEnded: true, ...(isOwnFault && { crashed: true }) },
      }),
    );
    const died = `model "${this.model}": the ${what} that ran this batch died (${reason})`;
    this.#settleRun()?.reject(
      isOwnFault
        ? new ServingError('worker_crashed', `${died} of the run itself; do not send it again`)
        : new ServingError('worker_lost', `${died}; it is replaced, send it again`),
    );
    this.#end(reason);
  }

  #end(reason: string): void {
    this.#state = 'gone';
    this.#goneBecause ??= reason;
    this.#settleGone();
    void this.#link.release(this);
  }

  #settleRun(): Pending<Answer> | undefined {
    const pending = this.#running?.pending;
    this.#running = undefined;
    this.#link.onRunsChanged();
    return pending;
  }
}
