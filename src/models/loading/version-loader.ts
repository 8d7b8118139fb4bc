/**
 * Loads versions: a limited number at the same time over all models, and again after a retryable failure. A load that
 * waits for a retry does not count, nor does one that takes long: a run of a model that is tried may never end. A load that waits for other models (`model_not_ready`) is tried again soon, without
 * end. An aborted load ends at once if it waits; if it runs, its processes are killed, and
 * other hosts wait until the runtime returns (native code cannot be stopped). A version that is loaded then is closed.
 */
import type PQueue from 'p-queue';
import { isCrash } from '../../backends/host/process/trial-run.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import { type ServingError, toServingError } from '../../core/errors.ts';
import type { LoadRetry } from '../lifecycle/model-events.ts';
import type { Servable } from '../serving/servable.ts';
import { isRetryable } from './retryable.ts';

/**
 * Loads one version directory. Rejects with ServingError `load_failed` or `insufficient_memory`, or with the kind of a
 * warm-up file's fault. When `signal` is aborted, nobody needs the version any more; it may resolve all the same.
 */
export type LoadServable = (
  model: ModelConfig,
  version: bigint,
  directory: string,
  signal?: AbortSignal,
) => Promise<Servable>;

export interface VersionLoaderOptions {
  readonly load: LoadServable;
  readonly clock: Clock;
  /** Limits how many loads run at the same time, over all models. */
  readonly turns: PQueue;
  readonly maxRetries: number;
  readonly retryIntervalMs: number;
}

export interface VersionLoadRequest {
  readonly model: ModelConfig;
  readonly version: bigint;
  readonly directory: string;
  readonly signal: AbortSignal;
  /** The first attempt begins. */
  readonly onStart: () => void;
  readonly onRetry: (retry: LoadRetry) => void;
  /** It waits for other models; called again whenever the reason has changed. */
  readonly onWait?: (reason: ServingError) => void;
  readonly onProgress: (elapsedMs: number) => void;
}

/** The interval of `onProgress` while a load runs. */
const PROGRESS_MS = 10_000;
/** A load that takes longer gives up its place, and goes on. */
export const LONG_LOAD_MS = 10_000;
/** So many loads of a version that crash end its load for good. */
const CRASHES = 2;
/** The time between two looks whether the models that a load waits for are there. */
const WAIT_MS = 250;

export class VersionLoader {
  readonly #options: VersionLoaderOptions;

  constructor(options: VersionLoaderOptions) {
    this.#options = options;
  }

  /** Resolves with undefined if the load was aborted. Rejects with the error that is not retried. */
  async load(request: VersionLoadRequest): Promise<Servable | undefined> {
    const { maxRetries, retryIntervalMs: delayMs } = this.#options;
    const { signal } = request;
    let waitsFor = '';
    let crashes = 0;
    for (let attempt = 0, isFirst = true; ; isFirst = false) {
      const loaded = await this.#attemptInTurn(request, isFirst);
      if (signal.aborted) {
        if (loaded !== undefined && 'runner' in loaded) await loaded.unload();
        return undefined;
      }
      if (loaded === undefined || 'runner' in loaded) return loaded;
      if (loaded.kind === 'model_not_ready') {
        if (loaded.message !== waitsFor) request.onWait?.(loaded);
        waitsFor = loaded.message;
        await this.#wait(WAIT_MS, signal);
        continue;
      }
      // A remote server that is not reachable is tried again without end: a restart of this server would not help.
      const isLast = attempt >= maxRetries && loaded.kind !== 'backend_unavailable';
      if (isLast || !isRetryable(loaded)) throw loaded;
      // An artifact that crashes twice does so always, and a first crash says so: there is nothing to wait for.
      if (isCrash(loaded) && ++crashes === CRASHES) throw loaded;
      attempt += 1;
      const pauseMs = isCrash(loaded) ? 0 : delayMs;
      request.onRetry({ error: loaded, retry: attempt, maxRetries, delayMs: pauseMs });
      await this.#wait(pauseMs, signal);
    }
  }

  /** Resolves with undefined if the load was aborted before its turn. Other loads may begin before it has ended. */
  async #attemptInTurn(request: VersionLoadRequest, isFirst: boolean): Promise<Servable | ServingError | undefined> {
    let attempt: Promise<Servable | ServingError> | undefined;
    await runInTurn(this.#options.turns, request.signal, () => {
      attempt = this.#attempt(request, isFirst);
      return this.#endOf(attempt);
    });
    return attempt;
  }

  /** Resolves when the attempt has ended or takes long. */
  #endOf(attempt: Promise<unknown>): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.setTimer(clock.nowMs() + LONG_LOAD_MS, resolve);
      void attempt.finally(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  async #attempt(request: VersionLoadRequest, isFirst: boolean): Promise<Servable | ServingError> {
    if (isFirst) request.onStart();
    const progress = this.#reportProgress(request.onProgress);
    try {
      return await this.#options.load(request.model, request.version, request.directory, request.signal);
    } catch (thrown) {
      return toServingError(thrown);
    } finally {
      progress.stop();
    }
  }

  #reportProgress(onProgress: (elapsedMs: number) => void): { stop(): void } {
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

/**
 * Runs `work` when the queue has a free place. Resolves with undefined if `signal` is aborted before. Work that has
 * begun keeps its place until it ends, even if it is aborted: the queue's own signal would free the place at once.
 */
export async function runInTurn<T>(queue: PQueue, signal: AbortSignal, work: () => Promise<T>): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  const waiting = new AbortController();
  const leave = (): void => waiting.abort();
  signal.addEventListener('abort', leave, { once: true });
  const begin = (): Promise<T> => {
    signal.removeEventListener('abort', leave);
    return work();
  };
  try {
    return await queue.add(begin, { signal: waiting.signal });
  } catch (error) {
    if (waiting.signal.aborted) return undefined;
    throw error;
  }
}
