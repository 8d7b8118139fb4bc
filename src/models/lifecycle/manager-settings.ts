/** Settings of a ModelManager. */
import PQueue from 'p-queue';
import type { ModelConfig } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import { type LoadServable, VersionLoader } from '../loading/version-loader.ts';
import type { Servable } from '../serving/servable.ts';
import type { StepTable } from '../serving/steps.ts';
import type { TransitionPolicy } from '../versions/transition-policy.ts';
import { diskFiles, type VersionFiles } from '../versions/version-source.ts';
import { type ModelEvents, NO_EVENTS } from './model-events.ts';
import type { VersionObserver } from './version-observer.ts';

/** Rejects with `insufficient_memory` if the version would not fit into memory if it were loaded now. */
export type CheckMemory = (model: ModelConfig, version: bigint, directory: string) => Promise<void>;

/** Rejects with ServingError if there is no backend of this kind; it says why. */
export type CheckBackend = (kind: string) => Promise<void>;

/** The parts that features have in models. */
export interface ModelFeatures {
  /** Those that are told of versions that go. */
  readonly observers: readonly VersionObserver[];
  /** The sequences of a model. Absent = no model keeps a state. */
  readonly sequencesOf?: ((model: string) => StepTable) | undefined;
  /** Readers of values in a model's report, by their keys there; a value that is undefined is left out. */
  readonly reports: ReadonlyMap<string, (model: string) => unknown>;
  /** The same of a version that can answer. */
  readonly versionReports: ReadonlyMap<string, (servable: Servable) => unknown>;
}

const NO_FEATURES: ModelFeatures = { observers: [], reports: new Map(), versionReports: new Map() };

/** Options that TensorFlow Serving has under the same names; config/options/serve-options.ts describes them. */
export interface ModelManagerOptions {
  readonly models: readonly ModelConfig[];
  readonly load: LoadServable;
  /** Called before a load that an operator asks for. Default: everything fits. */
  readonly checkMemory?: CheckMemory;
  /** Called before a reload for each backend that it newly names. Default: there is one of every kind. */
  readonly checkBackend?: CheckBackend;
  readonly clock: Clock;
  readonly events?: ModelEvents;
  readonly files?: VersionFiles;
  /** Default 1000; 0 = poll once, negative = never. */
  readonly pollIntervalMs?: number;
  /** Why a base path is polled once, as a clause. Default: the kernel's option says so. */
  readonly whyPolledOnce?: string;
  readonly transitionPolicy?: TransitionPolicy;
  /** The most loads at the same time, once the server is ready. Default 1. */
  readonly loadThreads?: number;
  /** The most loads at the same time until the server is ready. Default: `loadThreads`. */
  readonly startLoadThreads?: number;
  /** The most unloads at the same time; an unload mostly waits for requests. Default: no limit. */
  readonly unloadThreads?: number;
  readonly maxLoadRetries?: number;
  readonly loadRetryIntervalMs?: number;
  /** The start fails if one model fails. Default: it fails if no model can be loaded. */
  readonly exitOnLoadFailure?: boolean;
  /**
   * Models may come and go one by one (`put`, `remove`): the start waits for no model whose base path is empty, and does
   * not fail if all fail. Default: false.
   */
  readonly isOneByOne?: boolean;
  readonly allowUnavailableLabels?: boolean;
  /** Errors about an unknown model list those that are served. Default true. */
  readonly namesModels?: boolean;
  /** Default: none. */
  readonly features?: ModelFeatures;
}

const DEFAULTS = {
  checkMemory: () => Promise.resolve(),
  checkBackend: () => Promise.resolve(),
  events: NO_EVENTS,
  files: diskFiles,
  pollIntervalMs: 1000,
  whyPolledOnce: '--file_system_poll_wait_seconds is 0',
  transitionPolicy: 'availability',
  allowUnavailableLabels: false,
  features: NO_FEATURES,
} satisfies Partial<ModelManagerOptions>;

/** The settings that the lifecycles of all models share. */
export interface LifecycleSettings extends Required<Pick<ModelManagerOptions, keyof typeof DEFAULTS | 'clock'>> {
  readonly loader: VersionLoader;
  /** Limits how many versions unload at the same time. */
  readonly unloads: PQueue;
}

/** `loads`: the turns of loads, over all models. */
export function lifecycleSettings(options: ModelManagerOptions, loads: PQueue): LifecycleSettings {
  const { load, clock, unloadThreads = Infinity } = options;
  const { maxLoadRetries: maxRetries = 5, loadRetryIntervalMs: retryIntervalMs = 60_000 } = options;
  return {
    ...DEFAULTS,
    ...options,
    unloads: new PQueue({ concurrency: unloadThreads }),
    loader: new VersionLoader({ load, clock, turns: loads, maxRetries, retryIntervalMs }),
  };
}
