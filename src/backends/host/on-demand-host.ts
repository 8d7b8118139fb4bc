/**
 * A host of one worker that its first batch opens, and that is closed when it has had none for a while: for runs that
 * most models never need.
 *
 *     closed ──a batch──▶ opens ──▶ runs, one at a time ──IDLE_MS without a batch──▶ closed
 *        ▲                             │ its worker ends
 *        └────────── back-off ─────────┘ no other is opened before the next batch comes
 *
 * A batch waits for the opening, and is not run if its deadline passes meanwhile. Where the host cannot be opened, the
 * batch fails with `backend_unavailable`, or with `insufficient_memory`, and the next one tries again.
 */
import type { Clock, Instant, TimerHandle } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import type { Batch, BatchResult, Executor } from '../../core/executor.ts';
import { expiredBeforeRun, type HostedSession, unloaded } from './hosted-session.ts';
import { DEFAULT_MAX_DELAY_MS, RestartBackoff } from './restart-backoff.ts';

/** Long beside the time that it takes to load a runtime. */
export const IDLE_MS = 120_000;

export interface OnDemandHostOptions {
  /** The model's name, for messages. */
  readonly model: string;
  readonly clock: Clock;
  /** Opens the host. When the signal is aborted, nobody needs it any more. */
  readonly start: (signal: AbortSignal) => Promise<HostedSession>;
  /** Called just before each run; throws the error of a batch that is not to be run. */
  readonly check: (batch: Batch) => void;
}

export class OnDemandHost implements Executor {
  readonly slots = 1;
  readonly #options: OnDemandHostOptions;
  readonly #closing = new AbortController();
  #backoff = new RestartBackoff();
  /** No worker is opened before. */
  #notBefore: Instant = -Infinity;
  #opening: Promise<HostedSession> | undefined;
  #timer: TimerHandle | undefined;
  /** The close of the hosts that were opened. */
  #closed: Promise<unknown> = Promise.resolve();

  constructor(options: OnDemandHostOptions) {
    this.#options = options;
  }

  /** It has a worker, or opens one. */
  get isOpen(): boolean {
    return this.#opening !== undefined;
  }

  allocate(byteLength: number): ArrayBuffer {
    return new ArrayBuffer(byteLength);
  }

  release(): void {
    // The garbage collector frees it.
  }

  async run(batch: Batch): Promise<BatchResult> {
    const { clock, check } = this.#options;
    this.#timer?.cancel();
    try {
      const { executor } = await this.#open();
      if (clock.nowMs() > batch.deadline) throw expiredBeforeRun();
      check(batch);
      const result = await executor.run(batch);
      this.#backoff.reset();
      return result;
    } catch (thrown) {
      const error = toServingError(thrown);
      if (hasEndedWorker(error)) this.#afterEnd();
      throw error;
    } finally {
      this.#closeWhenIdle();
    }
  }

  /** Ends the worker. No batch may be running. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#timer?.cancel();
    this.#discard();
    await this.#closed;
  }

  #open(): Promise<HostedSession> {
    this.#opening ??= this.#start();
    return this.#opening;
  }

  async #start(): Promise<HostedSession> {
    const { model, clock, start } = this.#options;
    const { signal } = this.#closing;
    try {
      await until(this.#notBefore, clock, signal);
      if (signal.aborted) throw unloaded(model);
      return await start(signal);
    } catch (thrown) {
      this.#opening = undefined;
      const error = toServingError(thrown);
      if (error.kind === 'insufficient_memory' || signal.aborted) throw error;
      const text = `model "${model}": no second process could be started for this request: ${error.message}`;
      throw new ServingError('backend_unavailable', text, { cause: error });
    }
  }

  #afterEnd(): void {
    this.#notBefore = this.#options.clock.nowMs() + (this.#backoff.nextDelayMs() ?? DEFAULT_MAX_DELAY_MS);
    this.#discard();
  }

  #discard(): void {
    const opened = this.#opening;
    this.#opening = undefined;
    if (opened === undefined) return;
    const closed = opened.then((host) => host.close()).catch(() => undefined);
    this.#closed = Promise.all([this.#closed, closed]);
  }

  #closeWhenIdle(): void {
    const { clock } = this.#options;
    if (this.#closing.signal.aborted || this.#opening === undefined) return;
    this.#timer = clock.setTimer(clock.nowMs() + IDLE_MS, () => this.#discard());
  }
}

/** The batch's run has ended the worker, or it was killed meanwhile. */
export function hasEndedWorker({ kind }: ServingError): boolean {
  return kind === 'worker_crashed' || kind === 'worker_lost';
}

function until(at: Instant, clock: Clock, signal: AbortSignal): Promise<void> {
  if (at <= clock.nowMs() || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.setTimer(at, end);
    signal.addEventListener('abort', end, { once: true });
  });
}
