/** Converts the command line's options to those of ModelManager. */
import type { ServeConfig } from '../../config/serve-config.ts';
import type { TransitionPolicy } from '../versions/transition-policy.ts';
import type { ModelManagerOptions } from './manager-settings.ts';

/** The machine's limits, as far as loads depend on them. */
interface Capacity {
  /** The cores that this process may use. */
  readonly cores: number;
  /** The number of threads that one load keeps busy: it opens a session on each. */
  readonly threadsPerLoad: number;
}

/**
 * While the server starts and serves nothing, loads may use all cores, but not more: a version's host (inline or
 * threads) is chosen by the time of its trial runs, which would be wrong if loads competed for cores.
 */
export function managerOptions(
  { options, oneByOne }: Pick<ServeConfig, 'options' | 'oneByOne'>,
  { cores, threadsPerLoad }: Capacity,
): Omit<ModelManagerOptions, 'models' | 'load' | 'clock' | 'events' | 'files'> {
  const loadThreads = Math.max(1, options.num_load_threads);
  return {
    pollIntervalMs: oneByOne?.pollMs ?? options.file_system_poll_wait_seconds * 1000,
    ...(oneByOne && { isOneByOne: true, whyPolledOnce: oneByOne.whyOnce }),
    transitionPolicy: options.version_transition_policy as TransitionPolicy,
    loadThreads,
    startLoadThreads: Math.max(loadThreads, Math.floor(cores / threadsPerLoad)),
    unloadThreads: options.num_unload_threads || Infinity,
    maxLoadRetries: options.max_num_load_retries,
    loadRetryIntervalMs: options.load_retry_interval_micros / 1000,
    exitOnLoadFailure: options.exit_on_load_failure,
    allowUnavailableLabels: options.allow_version_labels_for_unavailable_models,
  };
}
