/**
 * The effective configuration of `pillion serve`: read once, checked whole, frozen. What depends on two options is
 * checked here; what depends on one is checked by the option itself.
 *
 *   command line ▸ environment ▸ pillion.yaml ▸ batching_parameters_file ▸ default      the first that says it counts
 */
import { BATCHING_PARAMETERS, batchingOfParameters } from './batching-parameters.ts';
import { readCommandLine } from './command-line.ts';
import { readConfigFile, readTextProtoFile } from './config-file.ts';
import type { ModelConfig } from './model-config.ts';
import type { ModelFile } from './model-file.ts';
import { collectModels } from './model-sources.ts';
import { DEFAULT_METRICS_PATH, MONITORING_CONFIG, metricsPathOf } from './monitoring-config.ts';
import {
  environmentLayer,
  flagLayer,
  type GivenOption,
  lookUp,
  type OptionLayer,
  type Origin,
  readOptions,
} from './read-options.ts';
import { SERVE_OPTIONS, type ServeOptions } from './serve-options.ts';
import { SSL_CONFIG, tlsOf } from './ssl-config.ts';
import type { TlsConfig } from './tls-config.ts';
import { parsePillionYaml, type YamlFile } from './yaml/pillion-yaml.ts';

export interface ServeConfig {
  readonly models: readonly ModelConfig[];
  /** Where they were listed, for people: "--model", "/etc/models.config". */
  readonly modelsFrom: string;
  /** The file to look at for a new list; undefined if no file lists the models. */
  readonly modelFile: ModelFile | undefined;
  readonly options: ServeOptions;
  /** Where each option's value came from. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** For gRPC, and for REST if options.rest_api_tls says so; undefined = plain text. */
  readonly tls: TlsConfig | undefined;
  /** Where the REST port serves metrics; undefined = it does not. */
  readonly metricsPath: string | undefined;
  /** What was given and has no effect, for the log. */
  readonly warnings: readonly string[];
}

export type ServeConfigResult =
  | { readonly config: ServeConfig; readonly errors?: undefined }
  | { readonly errors: readonly string[]; readonly config?: undefined };

export function readServeConfig(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ServeConfigResult {
  const commandLine = readCommandLine(SERVE_OPTIONS, args);
  const errors = [...commandLine.errors];
  const warnings = [...commandLine.warnings];
  const layers: OptionLayer[] = [flagLayer(commandLine.given), environmentLayer(environment)];
  const yamlFile = readYamlFile(pathOf(layers, 'config'), errors);
  if (yamlFile !== undefined) layers.push((name) => yamlFile.yaml.options.get(name));
  const batching = batchingLayer(pathOf(layers, 'batching_parameters_file'), errors, warnings);
  if (batching !== undefined) layers.push(batching);
  const { values: options, origins } = readOptions(SERVE_OPTIONS, layers, errors);
  const areOptionsSound = errors.length === 0;
  const collected = collectModels({ options, origins, environment, yamlFile, errors, warnings });
  if (areOptionsSound) checkTogether(options, errors);
  warnings.push(...withoutEffect(options, origins));
  const tls = readTls(options, errors);
  const metricsPath = readMetricsPath(options, errors);
  if (errors.length > 0) return { errors };
  return { config: Object.freeze({ ...collected, options, origins, tls, metricsPath, warnings }) };
}

/** The value of an option that names a file that holds options. */
function pathOf(layers: readonly OptionLayer[], name: string): string {
  return lookUp(layers, name)?.texts.at(-1) ?? '';
}

function readYamlFile(path: string, errors: string[]): YamlFile | undefined {
  if (path === '') return undefined;
  const { bytes, error } = readConfigFile(path);
  if (bytes === undefined) {
    errors.push(error);
    return undefined;
  }
  return { path, bytes, yaml: parsePillionYaml(path, bytes, SERVE_OPTIONS, errors) };
}

function batchingLayer(path: string, errors: string[], warnings: string[]): OptionLayer | undefined {
  if (path === '') return undefined;
  const parsed = readTextProtoFile(BATCHING_PARAMETERS, path, errors);
  if (parsed === undefined) return undefined;
  const read = batchingOfParameters(parsed.message, parsed.where);
  errors.push(...read.errors);
  warnings.push(...read.warnings);
  const given = new Map<string, GivenOption>();
  const add = (name: keyof typeof SERVE_OPTIONS, value: unknown, field: string): void => {
    if (value !== undefined)
      given.set(name, { texts: [String(value)], origin: { kind: 'file', place: parsed.where(field) } });
  };
  const { batching, fields } = read;
  add('max_batch_size', batching.maxBatchSize, fields.get('maxBatchSize')!);
  add('batch_timeout_micros', batching.batchTimeoutMicros, 'batch_timeout_micros');
  add('max_enqueued_batches', batching.maxEnqueuedBatches, 'max_enqueued_batches');
  add('num_batch_threads', batching.numBatchThreads, 'num_batch_threads');
  add('pad_variable_length_inputs', batching.padVariableLengthInputs, 'pad_variable_length_inputs');
  add('allowed_batch_sizes', batching.allowedBatchSizes?.join(','), 'allowed_batch_sizes[0]');
  return (name) => given.get(name);
}

function checkTogether(options: ServeOptions, errors: string[]): void {
  const allowed = options.allowed_batch_sizes;
  const largest = allowed[allowed.length - 1];
  if (largest !== undefined && largest !== options.max_batch_size) {
    errors.push(
      `the last of --allowed_batch_sizes is ${largest}, but --max_batch_size is ${options.max_batch_size}; make them equal`,
    );
  }
  for (const name of ['batching_parameters_file', 'enable_per_model_batching_parameters'] as const) {
    if (options[name] && !options.enable_batching) {
      errors.push(`--${name} has a meaning only with batching; leave out --enable_batching=false`);
    }
  }
  if (options.rest_api_tls && options.ssl_config_file === '') {
    errors.push('--rest_api_tls wants a key and certificates; give --ssl_config_file=FILE too');
  }
}

/** Options that limit what only another option switches on. */
function withoutEffect(options: ServeOptions, origins: ReadonlyMap<string, Origin>): string[] {
  if (options.enable_reload_rpc) return [];
  return ['model_roots', 'log_root']
    .map((name) => origins.get(name)!)
    .filter(({ kind }) => kind !== 'default')
    .map(({ place }) => `${place} has no effect: it limits what clients may ask for with --enable_reload_rpc`);
}

function readTls({ ssl_config_file: path }: ServeOptions, errors: string[]): TlsConfig | undefined {
  if (path === '') return undefined;
  const parsed = readTextProtoFile(SSL_CONFIG, path, errors);
  return parsed === undefined ? undefined : tlsOf(parsed.message, parsed.where, errors);
}

function readMetricsPath({ monitoring_config_file: path }: ServeOptions, errors: string[]): string | undefined {
  if (path === '') return DEFAULT_METRICS_PATH;
  const parsed = readTextProtoFile(MONITORING_CONFIG, path, errors);
  return parsed === undefined ? undefined : metricsPathOf(parsed.message, parsed.where, errors);
}
