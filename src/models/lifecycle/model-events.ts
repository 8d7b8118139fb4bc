/**
 * What becomes of models and their versions, told as it happens: for the log and for whoever keeps something a version.
 * Listeners must not throw and must not call back into the manager.
 */
import type { ModelConfig } from '../../config/model-config.ts';
import type { ServingError } from '../../core/errors.ts';
import type { VersionState, VersionStatus } from '../serving/servable.ts';

export interface ModelEvents {
  /** The list of models that is in force from now on: at the start and with each reload. */
  onListed(models: readonly ModelConfig[]): void;
  /** A step of a version's life, taken just now. `lastedMs`: how long it had been in `from`. */
  onTransition(model: string, status: VersionStatus, from: VersionState | undefined, lastedMs: number): void;
  /** A load has been going on for so long. */
  onProgress(model: string, version: bigint, elapsedMs: number): void;
  /** A load failed and will be tried again. */
  onRetry(model: string, version: bigint, retry: LoadRetry): void;
  /** Closing a version's runtime failed; it is let go of all the same. */
  onUnloadFailed(model: string, version: bigint, error: unknown): void;
  /**
   * What keeps the model from its versions, once each time it changes; undefined: nothing any more. `isPassing`: somebody
   * is writing, it will be over soon.
   */
  onBlocked(model: string, reason: string | undefined, isPassing: boolean): void;
  /** No life of the version is left: what is kept for it may go. */
  onForgotten(model: string, version: bigint): void;
}

export interface LoadRetry {
  readonly error: ServingError;
  /** The attempt to come: the first retry is 1. */
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
