/**
 * The effective configuration of `pillion serve`: read once, checked whole, frozen. What depends on two options is
 * checked here; what depends on one is checked by the option itself.
 */
import { LATEST_ONE, type ModelConfig, parseModelFlag } from './model-config.ts';
import { readOptions } from './read-options.ts';
import { SERVE_OPTIONS, type ServeOptions } from './serve-options.ts';

export interface ServeConfig {
  readonly models: readonly ModelConfig[];
  readonly options: ServeOptions;
}

export type ServeConfigResult =
  | { readonly config: ServeConfig; readonly errors?: undefined }
  | { readonly errors: readonly string[]; readonly config?: undefined };

export function readServeConfig(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ServeConfigResult {
  const read = readOptions(SERVE_OPTIONS, args, environment);
  if (read.errors !== undefined) return { errors: read.errors };
  const errors: string[] = [];
  const models = collectModels(read.values, errors);
  checkBatchSizes(read.values, errors);
  return errors.length > 0 ? { errors } : { config: Object.freeze({ models, options: read.values }) };
}

function collectModels(options: ServeOptions, errors: string[]): readonly ModelConfig[] {
  const models: ModelConfig[] = [];
  if (options.model_base_path !== '') {
    models.push({
      name: options.model_name,
      basePath: options.model_base_path,
      versionPolicy: LATEST_ONE,
      versionLabels: new Map(),
      backend: undefined,
      executionProvider: options.execution_provider,
      host: undefined,
    });
  }
  for (const text of options.model) {
    const parsed = parseModelFlag(text);
    if ('error' in parsed) errors.push(`--model=${text}: ${parsed.error}`);
    else models.push(parsed.value);
  }
  const seen = new Set<string>();
  for (const { name } of models) {
    if (seen.has(name)) errors.push(`model "${name}" is given twice; names must differ`);
    if (!/^[^/:\s]+$/.test(name)) errors.push(`model name "${name}" may not be empty nor hold "/", ":" or white space`);
    seen.add(name);
  }
  if (models.length === 0 && errors.length === 0) {
    errors.push('no model to serve: give --model_base_path=DIR (with --model_name=NAME) or --model=NAME=DIR');
  }
  return models;
}

function checkBatchSizes(options: ServeOptions, errors: string[]): void {
  const allowed = options.allowed_batch_sizes;
  const largest = allowed[allowed.length - 1];
  if (largest !== undefined && largest !== options.max_batch_size) {
    errors.push(
      `the last of --allowed_batch_sizes is ${largest}, but --max_batch_size is ${options.max_batch_size}; make them equal`,
    );
  }
}
