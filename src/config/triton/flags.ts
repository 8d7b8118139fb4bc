/** Triton's flags: other names of our options, and what a model repository excludes. */
import type { ServeOptions } from '../options/serve-options.ts';
import type { Origin } from '../read-options.ts';

interface Given {
  readonly options: ServeOptions;
  readonly origins: ReadonlyMap<string, Origin>;
}

/** Triton's name → ours. */
const OTHER_NAMES = {
  http_port: 'rest_api_port',
  grpc_port: 'port',
  exit_on_error: 'exit_on_load_failure',
} as const;

/** Options with which the models come from another place, or are looked at by another rule. */
const EXCLUDED: ReadonlyMap<keyof ServeOptions, string> = new Map([
  ['model_base_path', 'list the models in one place'],
  ['model', 'list the models in one place'],
  ['model_config_file', 'list the models in one place'],
  ['file_system_poll_wait_seconds', '--model_control_mode and --repository_poll_secs say when it is looked at'],
  ['enable_per_model_batching_parameters', 'config.pbtxt says how a model is batched'],
  ['model_name', 'models have the names of their directories'],
]);

/** Options that have a meaning with a repository alone. */
const OF_REPOSITORY = ['load_model', 'repository_poll_secs', 'strict_readiness'] as const;

/** The options with Triton's names put into ours. Adds to `errors` where both are given. */
export function withTritonNames({ options, origins }: Given, errors: string[]): ServeOptions {
  const named: Record<string, unknown> = {};
  const sources = origins as Map<string, Origin>;
  for (const [theirs, ours] of Object.entries(OTHER_NAMES) as [keyof typeof OTHER_NAMES, keyof ServeOptions][]) {
    const origin = origins.get(theirs)!;
    if (origin.kind === 'default' || options[theirs] === -1) continue;
    const other = origins.get(ours)!;
    if (other.kind !== 'default' && options[ours] !== options[theirs]) {
      errors.push(`${origin.place} and ${other.place} are two names of one option; leave one of them out`);
      continue;
    }
    named[ours] = options[theirs];
    sources.set(ours, origin);
  }
  if (!options.allow_metrics) named['metrics_port'] = -1;
  return { ...options, ...named };
}

export function checkTritonOptions({ options, origins }: Given, errors: string[], warnings: string[]): void {
  const given = (name: string): string | undefined => {
    const origin = origins.get(name)!;
    return origin.kind === 'default' ? undefined : origin.place;
  };
  if (options.model_repository.length === 0) {
    for (const name of OF_REPOSITORY) {
      const place = given(name);
      if (place !== undefined) errors.push(`${place} has a meaning only with --model_repository=DIR`);
    }
    if (options.model_control_mode === 'poll') {
      const fix = 'of other models --file_system_poll_wait_seconds says when they are looked at';
      errors.push(`${given('model_control_mode')}=poll has a meaning only with --model_repository=DIR: ${fix}`);
    }
    return;
  }
  for (const [name, fix] of EXCLUDED) {
    const place = given(name);
    if (place !== undefined) errors.push(`${place} and --model_repository exclude each other: ${fix}`);
  }
  const { model_control_mode: mode } = options;
  const loads = given('load_model');
  if (loads !== undefined && mode !== 'explicit') {
    errors.push(`${loads} has a meaning only with --model_control_mode=explicit; here all models load`);
  }
  if (options.load_model.includes('*') && options.load_model.length > 1) {
    errors.push('--load_model=* loads all models; leave out the other names');
  }
  const polls = given('repository_poll_secs');
  if (polls !== undefined && mode !== 'poll') {
    warnings.push(`${polls} has no effect: it needs --model_control_mode=poll`);
  }
}
