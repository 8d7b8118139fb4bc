/**
 * A hosted model that may move to another host while it serves: every batch goes to the current host.
 *
 *     inline ──move()──▶ the next host loads, batches run inline ──▶ it is current ──▶ inline closes after its last run
 *                               └ it fails to load: the model stays inline
 *
 * No batch fails because of a move. A batch in the old host's memory can run on the new host, which copies it.
 */
import { type Executor, PassingExecutor } from '../../core/executor.ts';
import type { Signature } from '../../core/signature.ts';
import type { HostedSession } from './hosted-session.ts';

export class MovableHost extends PassingExecutor implements HostedSession {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly warnings: readonly string[];
  /** Itself, since the current host changes. */
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
    this.inner = next.executor;
    await previous.close();
    return true;
  }

  async #close(): Promise<void> {
    await this.#current.close();
    // A move in progress closes the host that it starts.
    await this.#moving?.catch(() => false);
  }
}
