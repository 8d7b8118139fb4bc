/**
 * A hosted model that may move to another host while it serves: every batch goes to the current host.
 *
 *     inline ──move()──▶ the next host loads, batches run inline ──▶ it is current ──▶ inline closes after its last run
 *                               └ it fails to load: the model stays inline
 *
 * No batch fails because of a move. A batch in the old host's memory can run on the new host, which copies it.
 *
 * A batch of shapes that the model was not measured with runs on the next host, beside the first, which stays current.
 * That host is started for the first such batch and closed after some time without one. Its runs take no slot of the
 * first host's, up to a few: a long one would hold up those that take microseconds.
 */
import type { Clock, TimerHandle } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import { type Batch, type BatchResult, type Executor, PassingExecutor } from '../../core/executor.ts';
import type { Signature } from '../../core/signature.ts';
import type { HostedSession } from './hosted-session.ts';
import type { MeasuredShapes } from './measured-shapes.ts';

/** The shapes that run on the first host, and what is needed to run others beside it. */
export interface Measured {
  readonly shapes: MeasuredShapes;
  /** A trial of more rows that takes no longer is measured, too. */
  readonly limitMs: number;
  readonly clock: Clock;
}

/** How long the host beside the first stays without a batch. */
export const BESIDE_IDLE_MS = 60_000;
/** Most slots that are added for its runs. */
const MOST_BESIDE = 4;

export class MovableHost extends PassingExecutor implements HostedSession {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly warnings: readonly string[];
  /** Itself, since the current host changes. */
  readonly executor: Executor = this;
  readonly #startNext: () => Promise<HostedSession>;
  #onSlots: (() => void) | undefined;
  #current: HostedSession;
  /** Undefined = every shape runs on the current host. */
  #measured: Measured | undefined;
  /** The host beside the first, while it starts or is open. */
  #beside: Promise<HostedSession> | undefined;
  #runsBeside = 0;
  #idleTimer: TimerHandle | undefined;
  #moving: Promise<boolean> | undefined;
  #closed: Promise<void> | undefined;

  /** `startNext` starts the host to move to, which is also the one beside the first. */
  constructor(first: HostedSession, startNext: () => Promise<HostedSession>, measured?: Measured) {
    super(first.executor);
    this.signatures = first.signatures;
    this.warnings = first.warnings;
    this.#current = first;
    this.#startNext = startNext;
    this.#measured = measured;
  }

  override get slots(): number {
    return super.slots + (this.#measured === undefined ? 0 : Math.min(this.#runsBeside, MOST_BESIDE));
  }

  override get onSlots(): (() => void) | undefined {
    return this.#onSlots;
  }

  /** It stays through a move. */
  override set onSlots(listener: (() => void) | undefined) {
    this.#onSlots = listener;
    this.inner.onSlots = listener;
  }

  override run(batch: Batch, after?: Batch): Promise<BatchResult> {
    const measured = this.#measured;
    if (measured === undefined || measured.shapes.has(batch)) return this.inner.run(batch, after);
    const isTrial = batch.origin === undefined && measured.shapes.isNext(batch);
    return isTrial ? this.#measure(batch, measured) : this.#runBeside(batch);
  }

  /**
   * Starts the next host and makes it current. Resolves with true when done, and with false if this was closed
   * meanwhile. Rejects with the error of a host that fails to start. Idempotent.
   */
  move(): Promise<boolean> {
    this.#moving ??= this.#move();
    return this.#moving;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #measure(batch: Batch, { shapes, limitMs }: Measured): Promise<BatchResult> {
    const result = await this.inner.run(batch);
    const { runStart = 0, runEnd = Infinity } = result;
    if (runEnd - runStart <= limitMs) shapes.add(batch);
    return result;
  }

  async #runBeside(batch: Batch): Promise<BatchResult> {
    this.#idleTimer?.cancel();
    this.#countBeside(1);
    try {
      const { executor } = await this.#openBeside();
      return await executor.run(batch);
    } finally {
      this.#countBeside(-1);
      if (this.#runsBeside === 0) this.#closeWhenIdle();
    }
  }

  #countBeside(change: 1 | -1): void {
    this.#runsBeside += change;
    this.#onSlots?.();
  }

  #openBeside(): Promise<HostedSession> {
    this.#beside ??= this.#startNext().catch((thrown: unknown) => {
      this.#beside = undefined;
      const { message } = toServingError(thrown);
      const text = `a thread for shapes that the model was not measured with cannot be started: ${message}`;
      throw new ServingError('worker_lost', text, { cause: thrown });
    });
    return this.#beside;
  }

  #closeWhenIdle(): void {
    if (this.#measured === undefined) return;
    const { clock } = this.#measured;
    this.#idleTimer = clock.setTimer(clock.nowMs() + BESIDE_IDLE_MS, () => void this.#closeBeside());
  }

  async #closeBeside(): Promise<void> {
    this.#idleTimer?.cancel();
    const beside = this.#beside;
    this.#beside = undefined;
    await beside?.then((host) => host.close()).catch(() => undefined);
  }

  async #move(): Promise<boolean> {
    if (this.#closed !== undefined) return false;
    const next = await (this.#beside ?? this.#startNext());
    if (this.#closed !== undefined) {
      await next.close();
      return false;
    }
    const previous = this.#current;
    this.#current = next;
    this.#measured = undefined;
    this.#beside = undefined;
    this.#idleTimer?.cancel();
    this.inner.onSlots = undefined;
    this.inner = next.executor;
    this.inner.onSlots = this.#onSlots;
    this.#onSlots?.();
    await previous.close();
    return true;
  }

  async #close(): Promise<void> {
    await Promise.all([this.#current.close(), this.#closeBeside()]);
    // A move in progress closes the host that it starts.
    await this.#moving?.catch(() => false);
  }
}
