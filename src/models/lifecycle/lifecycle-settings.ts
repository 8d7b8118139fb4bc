/** The settings that the lifecycles of all models share. */
import type PQueue from 'p-queue';
import type { ModelConfig } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import type { VersionLoader } from '../loading/version-loader.ts';
import type { TransitionPolicy } from '../versions/transition-policy.ts';
import type { VersionFiles } from '../versions/version-source.ts';
import type { ModelEvents } from './model-events.ts';
import type { VersionObserver } from './version-observer.ts';

/** Rejects with `insufficient_memory` if the version would not fit into memory if it were loaded now. */
export type CheckMemory = (model: ModelConfig, version: bigint, directory: string) => Promise<void>;

/** Rejects with ServingError if there is no backend of this kind; it says why. */
export type CheckBackend = (kind: string) => Promise<void>;

export interface LifecycleSettings {
  readonly files: VersionFiles;
  readonly clock: Clock;
  readonly loader: VersionLoader;
  /** Limits how many versions unload at the same time. */
  readonly unloads: PQueue;
  readonly events: ModelEvents;
  readonly transitionPolicy: TransitionPolicy;
  /** The time between two polls of a base path. 0 = poll once; negative = only when a reload asks for it. */
  readonly pollIntervalMs: number;
  /** A label may name a version that is not available. */
  readonly allowUnavailableLabels: boolean;
  /** Called before a load that an operator asks for. */
  readonly checkMemory: CheckMemory;
  /** Called before a reload for each backend that it newly names. */
  readonly checkBackend: CheckBackend;
  /** Features that are told of versions that go. */
  readonly observers: readonly VersionObserver[];
}
