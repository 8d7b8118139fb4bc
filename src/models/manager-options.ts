/** The options of a model's life, from the words of the command line to those of the manager. */
import type { ServeOptions } from '../config/serve-options.ts';
import type { ModelManagerOptions } from './model-manager.ts';
import type { TransitionPolicy } from './version-transitions.ts';

type LifeOptions = Omit<ModelManagerOptions, 'models' | 'load' | 'clock' | 'events' | 'files'>;

/** `cores`: that this process may use; at the start, when nothing is served yet, loads may have them all. */
export function managerOptions(options: ServeOptions, cores: number): LifeOptions {
  const loadThreads = Math.max(1, options.num_load_threads);
  return {
    pollIntervalMs: options.file_system_poll_wait_seconds * 1000,
    transitionPolicy: options.version_transition_policy as TransitionPolicy,
    loadThreads,
    startLoadThreads: Math.max(loadThreads, Math.floor(cores)),
    unloadThreads: options.num_unload_threads || Infinity,
    maxLoadRetries: options.max_num_load_retries,
    loadRetryIntervalMs: options.load_retry_interval_micros / 1000,
    allowUnavailableLabels: options.allow_version_labels_for_unavailable_models,
  };
}
