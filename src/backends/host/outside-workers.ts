/** The workers of a model that are in no slot: those that load, and those that have been replaced. */
import type { HostWorker } from './host-worker.ts';
import { unloaded } from './hosted-session.ts';

export class OutsideWorkers {
  readonly #model: string;
  readonly #opened = new Set<HostWorker>();
  /** Replaced workers that have not ended, with the promise of their close once it has begun. */
  readonly #retired = new Map<HostWorker, Promise<void> | undefined>();
  #isClosing = false;

  constructor(model: string) {
    this.#model = model;
  }

  /**
   * Resolves when the worker that `start` returns has loaded. Rejects with its `load_failed`, or when this is closed.
   * The caller gives it to `take` or `discard`.
   */
  async open(start: () => HostWorker): Promise<HostWorker> {
    if (this.#isClosing) throw unloaded(this.#model);
    const worker = start();
    this.#opened.add(worker);
    try {
      await worker.ready;
      if (this.#isClosing) throw unloaded(this.#model);
      return worker;
    } catch (error) {
      await this.discard(worker);
      throw error;
    }
  }

  /** An opened worker gets a slot. Returns false, and discards it, if it cannot serve any more. */
  take(worker: HostWorker): boolean {
    if (this.#isClosing || worker.goneBecause !== undefined) {
      void this.discard(worker);
      return false;
    }
    this.#opened.delete(worker);
    return true;
  }

  /** Closes an opened worker. */
  async discard(worker: HostWorker): Promise<void> {
    await worker.close();
    this.#opened.delete(worker);
  }

  /** A worker has lost its slot. If it is `isIdle` it is closed now, else by `end` after its batches. */
  retire(worker: HostWorker, isIdle: boolean): void {
    if (worker.goneBecause !== undefined) return;
    this.#retired.set(worker, undefined);
    if (isIdle) this.end(worker);
  }

  /** Closes a retired worker, which has no batch. */
  end(worker: HostWorker): void {
    if (!this.#retired.has(worker) || this.#retired.get(worker) !== undefined) return;
    this.#retired.set(
      worker,
      worker.close().then(() => void this.#retired.delete(worker)),
    );
  }

  /** Ends all. The caller makes sure that no batch is running. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const worker of this.#retired.keys()) this.end(worker);
    await Promise.all([...[...this.#opened].map((worker) => worker.close()), ...this.#retired.values()]);
  }
}
