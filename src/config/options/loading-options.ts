/** Options of `pillion serve` about finding, loading and warming versions. */
import { COUNT, flag, integer, type Option, text } from './option-types.ts';

export const LOADING_OPTIONS = {
  file_system_poll_wait_seconds: integer({
    min: -COUNT.max,
    max: COUNT.max,
    default: 1,
    help: 'Seconds between two looks at the base paths for new versions. 0 = one look, at the start; negative = none, except for reloads.',
  }),
  version_transition_policy: text({
    default: 'availability',
    oneOf: ['availability', 'resource'],
    placeholder: 'availability|resource',
    help: 'availability = a new version loads before the old one is unloaded; resource = the old one is unloaded first, for models that fit into memory only once.',
  }),
  num_load_threads: integer({
    ...COUNT,
    default: 0,
    help: 'How many versions load at the same time. 0 = one; during the start, as many as the cores allow with each model’s threads.',
  }),
  num_unload_threads: integer({
    ...COUNT,
    default: 0,
    help: 'How many versions unload at the same time. 0 = any number: unloading is mostly waiting for requests to end.',
  }),
  max_num_load_retries: integer({
    ...COUNT,
    default: 5,
    help: 'How often a failed load is tried again, if the cause may pass (memory, file system, a lost thread). A broken model is not tried again.',
  }),
  load_retry_interval_micros: integer({
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    default: 60_000_000,
    help: 'Time between two attempts to load a version, in µs.',
  }),
  exit_on_load_failure: flag({
    default: false,
    help: 'The start fails (exit status 1) if one model that is there cannot be loaded in any version that its policy allows. Without it, the others are served, and the start fails only if none of them can be loaded.',
  }),
  allow_version_labels_for_unavailable_models: flag({
    default: false,
    help: 'A new label may name a version that is not available. A label in use still moves only to an available version.',
  }),
  enable_model_warmup: flag({
    default: true,
    help: 'Before a version is served, the requests in its assets.extra/tf_serving_warmup_requests are replayed. Without that file, synthetic batches run for up to a second.',
  }),
} satisfies Record<string, Option<unknown>>;
