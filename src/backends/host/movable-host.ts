/**
 * A hosted model that may move to another host while it serves: every batch goes to the current host.
 *
 *     inline ──move()──▶ the next host loads, batches run inline ──▶ it is current ──▶ inline closes after its last run
 *                               └ it fails to load: the model stays inline
 *
 * No batch fails because of a move. A batch in the old host's memory can run on the new host, which copies it. A batch
 * that is too large for the first host waits for the move; if that fails, it runs there after all.
 */
import { type Batch, type BatchResult, type Executor, PassingExecutor } from '../../core/executor.ts';
import type { Signature } from '../../core/signature.ts';
import { areLargerThan } from '../../core/tensor.ts';
import type { HostedSession } from './hosted-session.ts';

export class MovableHost extends PassingExecutor implements HostedSession {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly warnings: readonly string[];
  /** Itself, since the current host changes. */
  readonly executor: Executor = this;
  readonly #startNext: () => Promise<HostedSession>;
  readonly #maxInputBytes: number;
  readonly #onLarge: () => Promise<unknown>;
  readonly #first: Executor;
  #onSlots: (() => void) | undefined;
  #current: HostedSession;
  #moving: Promise<boolean> | undefined;
  #closed: Promise<void> | undefined;

  /** `onLarge` is called for a batch of more than `maxInputBytes`, which runs when it has settled: it should move. */
  constructor(
    first: HostedSession,
    startNext: () => Promise<HostedSession>,
    maxInputBytes = Infinity,
    onLarge: () => Promise<unknown> = async () => undefined,
  ) {
    super(first.executor);
    this.#maxInputBytes = maxInputBytes;
    this.#onLarge = onLarge;
    this.signatures = first.signatures;
    this.warnings = first.warnings;
    this.#first = first.executor;
    this.#current = first;
    this.#startNext = startNext;
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
    const isTooLarge = this.inner === this.#first && areLargerThan(batch.inputs, this.#maxInputBytes);
    return isTooLarge ? this.#onLarge().then(() => super.run(batch, after)) : super.run(batch, after);
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

  async #move(): Promise<boolean> {
    if (this.#closed !== undefined) return false;
    const next = await this.#startNext();
    if (this.#closed !== undefined) {
      await next.close();
      return false;
    }
    const previous = this.#current;
    this.#current = next;
    this.inner.onSlots = undefined;
    this.inner = next.executor;
    this.inner.onSlots = this.#onSlots;
    this.#onSlots?.();
    await previous.close();
    return true;
  }

  async #close(): Promise<void> {
    await this.#current.close();
    // A move in progress closes the host that it starts.
    await this.#moving?.catch(() => false);
  }
}
