/** What the lives of all models share. */
import type PQueue from 'p-queue';
import type { ModelConfig } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import type { VersionLoader } from '../loading/version-loader.ts';
import type { TransitionPolicy } from '../versions/transition-policy.ts';
import type { VersionFiles } from '../versions/version-source.ts';
import type { ModelEvents } from './model-events.ts';

/** Rejects with `insufficient_memory` where the version would not fit if it were loaded now. */
export type CheckMemory = (model: ModelConfig, version: bigint, directory: string) => Promise<void>;

export interface LifecycleSettings {
  readonly files: VersionFiles;
  readonly clock: Clock;
  readonly loader: VersionLoader;
  /** As many unloads at once as its concurrency. */
  readonly unloads: PQueue;
  readonly events: ModelEvents;
  readonly transitionPolicy: TransitionPolicy;
  /** Between two looks at a base path. 0 = look once; negative = only when a reload asks for it. */
  readonly pollIntervalMs: number;
  /** A label may name a version that is not there. */
  readonly allowUnavailableLabels: boolean;
  /** Before a load that an operator asks for. Rejects with `insufficient_memory`. */
  readonly checkMemory: CheckMemory;
}
