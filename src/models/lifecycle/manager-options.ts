/** The options of a model's life, from the words of the command line to those of the manager. */
import type { ServeOptions } from '../../config/serve-options.ts';
import type { TransitionPolicy } from '../versions/transition-policy.ts';
import type { ModelManagerOptions } from './model-manager.ts';

type LifeOptions = Omit<ModelManagerOptions, 'models' | 'load' | 'clock' | 'events' | 'files'>;

export interface Capacity {
  /** That this process may use. */
  readonly cores: number;
  /** Threads that one load keeps busy: it opens a session on each. */
  readonly threadsPerLoad: number;
}

/**
 * At the start, when nothing is served yet, loads may have all cores. Not more: a version's place (on the event loop or on
 * threads) is chosen by how long its trial runs take, which loads that fight for cores would falsify.
 */
export function managerOptions(options: ServeOptions, { cores, threadsPerLoad }: Capacity): LifeOptions {
  const loadThreads = Math.max(1, options.num_load_threads);
  return {
    pollIntervalMs: options.file_system_poll_wait_seconds * 1000,
    transitionPolicy: options.version_transition_policy as TransitionPolicy,
    loadThreads,
    startLoadThreads: Math.max(loadThreads, Math.floor(cores / threadsPerLoad)),
    unloadThreads: options.num_unload_threads || Infinity,
    maxLoadRetries: options.max_num_load_retries,
    loadRetryIntervalMs: options.load_retry_interval_micros / 1000,
    allowUnavailableLabels: options.allow_version_labels_for_unavailable_models,
  };
}
