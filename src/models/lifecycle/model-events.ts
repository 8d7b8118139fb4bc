/**
 * Events of models and their versions, for the log and for parts that keep data for each version. Listeners must not
 * throw and must not call the manager.
 */
import type { ModelConfig } from '../../config/model-config.ts';
import type { ServingError } from '../../core/errors.ts';
import type { VersionState, VersionStatus } from '../serving/servable.ts';

export interface ModelEvents {
  /** A list of models has come into force: at the start and with each reload. */
  onListed(models: readonly ModelConfig[]): void;
  /** A version has changed its state. `lastedMs` is the time that it spent in `from`. */
  onTransition(model: string, status: VersionStatus, from: VersionState | undefined, lastedMs: number): void;
  /** A load still runs after `elapsedMs`. */
  onProgress(model: string, version: bigint, elapsedMs: number): void;
  /** A load failed and will be retried. */
  onRetry(model: string, version: bigint, retry: LoadRetry): void;
  /** Closing a version's runtime failed; the version ends all the same. */
  onUnloadFailed(model: string, version: bigint, error: unknown): void;
  /**
   * The reason why the model has no versions to load has changed; undefined = it has some again. `isPassing`: files are
   * being written, so the reason will pass soon.
   */
  onBlocked(model: string, reason: string | undefined, isPassing: boolean): void;
  /** The last record of the version has ended: data that is kept for the version may be dropped. */
  onForgotten(model: string, version: bigint): void;
}

export interface LoadRetry {
  readonly error: ServingError;
  /** The number of the next attempt: the first retry is 1. */
  readonly retry: number;
  readonly maxRetries: number;
  readonly delayMs: number;
}

export const NO_EVENTS: ModelEvents = {
  onListed: () => undefined,
  onTransition: () => undefined,
  onProgress: () => undefined,
  onRetry: () => undefined,
  onUnloadFailed: () => undefined,
  onBlocked: () => undefined,
  onForgotten: () => undefined,
};
