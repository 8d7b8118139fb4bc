/**
 * Opens versions: so many at a time over all models, and again after a failure that may pass. A retry waits without
 * holding a turn. An aborted load ends as soon as it can: one that waits at once, one inside the runtime when that returns
 * (native code cannot be stopped), and what was loaded is closed then.
 */
import type PQueue from 'p-queue';
import type { ModelConfig } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import { type ServingError, toServingError } from '../../core/errors.ts';
import type { LoadRetry } from '../lifecycle/model-events.ts';
import type { Servable } from '../serving/servable.ts';
import { isRetryable } from './retryable.ts';
import { runInTurn } from './turns.ts';

/** Opens one version directory. Rejects with ServingError `load_failed`, or `insufficient_memory`. */
export type LoadServable = (model: ModelConfig, version: bigint, directory: string) => Promise<Servable>;

export interface VersionLoaderOptions {
  readonly load: LoadServable;
  readonly clock: Clock;
  /** As many loads at once as its concurrency, over all models. */
  readonly turns: PQueue;
  readonly maxRetries: number;
  readonly retryIntervalMs: number;
}

export interface LoadOrder {
  readonly model: ModelConfig;
  readonly version: bigint;
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Its turn has come and the first attempt begins. */
  readonly onStart: () => void;
  readonly onRetry: (retry: LoadRetry) => void;
  readonly onProgress: (elapsedMs: number) => void;
}

/** A line for every so many ms that a load takes. */
const PROGRESS_MS = 10_000;

export class VersionLoader {
  readonly #options: VersionLoaderOptions;

  constructor(options: VersionLoaderOptions) {
    this.#options = options;
  }

  /** Undefined: it was aborted, and nothing is left open. Rejects with the failure that is not tried again. */
  async load(order: LoadOrder): Promise<Servable | undefined> {
    const { maxRetries, retryIntervalMs: delayMs } = this.#options;
    for (let attempt = 0; ; attempt++) {
      const opened = await this.#attempt(order, attempt === 0);
      if (order.signal.aborted) {
        if (opened !== undefined && 'runner' in opened) await opened.unload();
        return undefined;
      }
      if (opened === undefined || 'runner' in opened) return opened;
      // A server that is away comes back when it does: there is nothing that anybody could mend here.
      const isLast = attempt >= maxRetries && opened.kind !== 'backend_unavailable';
      if (isLast || !isRetryable(opened)) throw opened;
      order.onRetry({ error: opened, retry: attempt + 1, maxRetries, delayMs });
      await this.#wait(delayMs, order.signal);
    }
  }

  #attempt(order: LoadOrder, isFirst: boolean): Promise<Servable | ServingError | undefined> {
    return runInTurn(this.#options.turns, order.signal, () => this.#open(order, isFirst));
  }

  async #open(order: LoadOrder, isFirst: boolean): Promise<Servable | ServingError> {
    if (isFirst) order.onStart();
    const progress = this.#tellProgress(order.onProgress);
    try {
      return await this.#options.load(order.model, order.version, order.directory);
    } catch (thrown) {
      return toServingError(thrown);
    } finally {
      progress.stop();
    }
  }

  #tellProgress(onProgress: (elapsedMs: number) => void): { stop(): void } {
    const { clock } = this.#options;
    const startedAt = clock.nowMs();
    const arm = () =>
      clock.setTimer(clock.nowMs() + PROGRESS_MS, () => {
        onProgress(clock.nowMs() - startedAt);
        timer = arm();
      });
    let timer = arm();
    return { stop: () => timer.cancel() };
  }

  #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = clock.setTimer(clock.nowMs() + delayMs, end);
      signal.addEventListener('abort', end, { once: true });
    });
  }
}
