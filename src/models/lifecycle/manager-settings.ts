/** Settings of a ModelManager. */
import type { ModelConfig } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import type { LoadServable } from '../loading/version-loader.ts';
import type { Servable } from '../serving/servable.ts';
import type { StepTable } from '../serving/steps.ts';
import type { TransitionPolicy } from '../versions/transition-policy.ts';
import type { VersionFiles } from '../versions/version-source.ts';
import type { CheckBackend, CheckMemory } from './lifecycle-settings.ts';
import type { ModelEvents } from './model-events.ts';
import type { VersionObserver } from './version-observer.ts';

/** Readers of values in a model's report, by their keys there; a value that is undefined is left out. */
export type ModelReports = ReadonlyMap<string, (model: string) => unknown>;

/** The same of a version that can answer. */
export type VersionReports = ReadonlyMap<string, (servable: Servable) => unknown>;

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
  readonly isRepository?: boolean;
  readonly allowUnavailableLabels?: boolean;
  /** Errors about an unknown model list those that are served. Default true. */
  readonly namesModels?: boolean;
  /** Features that are told of versions that go. Default: none. */
  readonly observers?: readonly VersionObserver[];
  /** The sequences of a configured model. Absent = no model keeps a state. */
  readonly sequencesOf?: ((model: string) => StepTable) | undefined;
  /** Parts of models' reports that features add. Default: none. */
  readonly reports?: ModelReports;
  /** The same of versions. */
  readonly versionReports?: VersionReports;
}
