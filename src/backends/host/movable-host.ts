/**
 * A hosted model that may move to another host while it is served: one pointer, looked at for every batch.
 *
 *     inline ──move()──▶ the next host loads, batches still run inline ──▶ pointer ──▶ inline closes after its last run
 *                               └ it cannot load: inline for good
 *
 * No batch fails of a move. One whose memory was lent by the old host runs on the new one, which copies it.
 */
import { type Executor, PassingExecutor } from '../../core/executor.ts';
import type { Signature } from '../../core/signature.ts';
import type { HostedSession } from './hosted-session.ts';

export class MovableHost extends PassingExecutor implements HostedSession {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly warnings: readonly string[];
  /** Itself: what it stands for changes behind it. */
  readonly executor: Executor = this;
  readonly #startNext: () => Promise<HostedSession>;
  #current: HostedSession;
  #moving: Promise<boolean> | undefined;
  #closed: Promise<void> | undefined;

  constructor(first: HostedSession, startNext: () => Promise<HostedSession>) {
    super(first.executor);
    this.signatures = first.signatures;
    this.warnings = first.warnings;
    this.#current = first;
    this.#startNext = startNext;
  }

  /**
   * Starts the next host and goes over to it. Resolves with true once it has, false if it was closed meanwhile; rejects
   * with the error of a host that does not start. Twice is once.
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
    this.inner = next.executor;
    await previous.close();
    return true;
  }

  async #close(): Promise<void> {
    await this.#current.close();
    // It closes what it started.
    await this.#moving?.catch(() => false);
  }
}
