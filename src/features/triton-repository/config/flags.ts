/** Triton's flags: other names of our options, and what a model repository excludes. */
import { type GivenOptions, givenOf, type NamedOptions, optionsOf } from '../../../config/options/feature-options.ts';
import type { ServeOptions } from '../../../config/options/serve-options.ts';
import type { Origin } from '../../../config/read-options.ts';
import { TRITON_OPTIONS } from '../options.ts';

/** Triton's name → ours. */
const OTHER_NAMES = {
  http_port: 'rest_api_port',
  grpc_port: 'port',
  http_address: 'bind_address',
  grpc_address: 'bind_address',
  exit_on_error: 'exit_on_load_failure',
} as const;

/** Options with which the models come from another place, or are looked at by another rule. */
const EXCLUDED: ReadonlyMap<string, string> = new Map([
  ['model_base_path', 'list the models in one place'],
  ['model', 'list the models in one place'],
  ['model_config_file', 'list the models in one place'],
  ['file_system_poll_wait_seconds', '--model_control_mode and --repository_poll_secs say when it is looked at'],
  ['enable_reload_rpc', 'a list of models would take the place of the repository; use --model_control_mode=explicit'],
  ['enable_per_model_batching_parameters', 'config.pbtxt says how a model is batched'],
  ['model_name', 'models have the names of their directories'],
]);

/** Options that have a meaning with a repository alone. */
const OF_REPOSITORY = ['load_model', 'repository_poll_secs', 'strict_readiness'] as const;

/** Implements FeatureOptions.renamed. */
export function withTritonNames(given: NamedOptions, errors: string[]): ServeOptions {
  const { options, origins } = given;
  const values = optionsOf(given, TRITON_OPTIONS);
  const named: Record<string, unknown> = {};
  const sources = origins as Map<string, Origin>;
  for (const [theirs, ours] of Object.entries(OTHER_NAMES) as [keyof typeof OTHER_NAMES, keyof ServeOptions][]) {
    const origin = origins.get(theirs)!;
    if (origin.kind === 'default' || values[theirs] === -1 || values[theirs] === '') continue;
    const other = origins.get(ours)!;
    if (other.kind !== 'default' && (named[ours] ?? options[ours]) !== values[theirs]) {
      errors.push(`${origin.place} and ${other.place} are two names of one option; leave one of them out`);
      continue;
    }
    named[ours] = values[theirs];
    sources.set(ours, origin);
  }
  return { ...options, ...named };
}

/** Implements FeatureOptions.check. */
export function checkTritonOptions(given: GivenOptions, errors: string[]): void {
  const { model_repository, model_control_mode: mode, load_model } = optionsOf(given, TRITON_OPTIONS);
  // Another feature's option is not there without it.
  const placeOf = (name: string): string | undefined =>
    given.origins.has(name) ? givenOf([name], given)[0]?.place : undefined;
  if (model_repository.length === 0) {
    for (const name of OF_REPOSITORY) {
      const place = placeOf(name);
      if (place !== undefined) errors.push(`${place} has a meaning only with --model_repository=DIR`);
    }
    if (mode === 'poll') {
      const fix = 'of other models --file_system_poll_wait_seconds says when they are looked at';
      errors.push(`${placeOf('model_control_mode')}=poll has a meaning only with --model_repository=DIR: ${fix}`);
    }
    return;
  }
  for (const [name, fix] of EXCLUDED) {
    const place = placeOf(name);
    if (place !== undefined) errors.push(`${place} and --model_repository exclude each other: ${fix}`);
  }
  const loads = placeOf('load_model');
  if (loads !== undefined && mode !== 'explicit') {
    errors.push(`${loads} has a meaning only with --model_control_mode=explicit; here all models load`);
  }
  if (load_model.includes('*') && load_model.length > 1) {
    errors.push('--load_model=* loads all models; leave out the other names');
  }
}

/** Implements FeatureOptions.warnings. */
export function pollWarnings(given: GivenOptions): readonly string[] {
  const { model_repository, model_control_mode: mode } = optionsOf(given, TRITON_OPTIONS);
  if (model_repository.length === 0 || mode === 'poll') return [];
  return givenOf(['repository_poll_secs'], given).map(
    ({ place }) => `${place} has no effect: it needs --model_control_mode=poll`,
  );
}
