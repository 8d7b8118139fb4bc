/**
 * The effective configuration of `pillion serve`: read once, checked, frozen. Each option checks its own value; checks
 * of two options together are here.
 *
 *   command line ▸ environment ▸ pillion.yaml ▸ batching_parameters_file ▸ default      the first that gives it counts
 */
import { systemClock } from '../core/clock.ts';
import { Facts } from '../core/collections/facts.ts';
import { DEFAULT_METRICS_PATH } from '../core/metrics-path.ts';
import { BATCHING_FIELDS, BATCHING_PARAMETERS, batchingOfParameters } from './batching-parameters.ts';
import { readCommandLine } from './command-line.ts';
import { readConfigFile, readTextProtoFile } from './config-file.ts';
import { checkJoinedPort } from './joined-port.ts';
import type { ModelConfig, ModelDefaults } from './model-config.ts';
import type { ModelFile } from './model-file.ts';
import { collectModels } from './model-sources.ts';
import { MONITORING_CONFIG, metricsPathOf } from './monitoring-config.ts';
import { type FeatureOptions, givenOf } from './options/feature-options.ts';
import type { OneByOne } from './options/model-list.ts';
import { unexpandedOptions } from './options/path-options.ts';
import { type ServeOptions, serveKeys } from './options/serve-options.ts';
import {
  type ConfigKeys,
  environmentLayer,
  flagLayer,
  type GivenOption,
  leftOut,
  lookUp,
  type OptionLayer,
  type Origin,
  readOptions,
} from './read-options.ts';
import { secretIn } from './secret-file.ts';
import { serviceLinkWarnings, withoutServiceLinks } from './service-links.ts';
import { outOfDate } from './tls-config.ts';
import { isTlsOnRest, readTls, type TlsAtStart } from './tls-source.ts';
import { parsePillionYaml, type YamlFile } from './yaml/pillion-yaml.ts';
import { openYaml } from './yaml/yaml-document.ts';

export interface ServeConfig {
  readonly models: readonly ModelConfig[];
  /** The defaults of models that are listed later. */
  readonly modelDefaults: ModelDefaults;
  /** The place that lists them, for people: "--model", "/etc/models.config". */
  readonly modelsFrom: string;
  /** The file to poll for a new list; undefined if no file lists the models. */
  readonly modelFile?: ModelFile | undefined;
  /** How models that a feature lists come and go; undefined if they are a list. */
  readonly oneByOne?: OneByOne;
  readonly options: ServeOptions;
  /** The source of each option's value. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** The TLS of gRPC, and of REST if `isRestTls`; undefined = plain text. */
  readonly tls: TlsAtStart | undefined;
  readonly isRestTls: boolean;
  /** Undefined = the operators' server asks for none. */
  readonly adminToken: string | undefined;
  /** The path of the metrics on the REST port; undefined = none. */
  readonly metricsPath: string | undefined;
  /** Given values without effect, for the log. */
  readonly warnings: readonly string[];
  /** Facts that features have read besides. */
  readonly facts: Facts;
}

type ServeConfigResult =
  | { readonly config: ServeConfig; readonly errors?: undefined }
  | { readonly errors: readonly string[]; readonly config?: undefined };

/** The sources of the configuration, and the options and keys that it may have. */
export interface ConfigSource {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The features' options and keys, beside the kernel's own. */
  readonly features: FeatureOptions;
  /** Other defaults than ours; gets the layers above it. */
  readonly defaults?: ((above: readonly OptionLayer[]) => OptionLayer) | undefined;
}

export function readServeConfig({ args, environment, features, defaults }: ConfigSource): ServeConfigResult {
  const keys = serveKeys(features);
  const commandLine = readCommandLine(keys, args);
  const errors = [...commandLine.errors];
  const warnings = [...commandLine.warnings];
  const links = new Set<string>();
  const variables = withoutServiceLinks(environmentLayer(environment), links);
  errors.push(...absentVariables(keys, variables));
  const layers: OptionLayer[] = [flagLayer(commandLine.given), variables];
  const yamlFile = readYamlFile(pathOf(layers, 'config'), keys, errors);
  if (yamlFile !== undefined) layers.push((name) => yamlFile.yaml.options.get(name));
  const batching = batchingLayer(pathOf(layers, 'batching_parameters_file'), errors, warnings);
  if (batching !== undefined) layers.push(batching);
  if (defaults !== undefined) layers.push(defaults([...layers]));
  const { values, origins } = readOptions(keys.options, layers, errors);
  // Every option of SERVE_OPTIONS is among them.
  const kernelOptions = values as unknown as ServeOptions;
  const renamed = features.renamed({ options: kernelOptions, origins }, errors);
  const options = renamed.allow_metrics ? renamed : { ...renamed, metrics_port: -1 };
  const areOptionsSound = errors.length === 0;
  const { modelKeys, absent } = keys;
  const modelDefaults = { executionProvider: options.execution_provider, modelKeys, absent };
  const { modelLists } = features;
  const sources = { options, origins, keys, modelDefaults, environment, yamlFile, modelLists };
  const collected = collectModels({ ...sources, errors, warnings });
  const tls = readTls(options, origins, errors);
  const isRestTls = tls !== undefined && isTlsOnRest(options, origins);
  const facts = new Facts();
  const given = { options, origins, tls, isRestTls, facts, openYaml };
  errors.push(...unexpandedOptions(keys.options, options, origins));
  if (areOptionsSound) {
    features.check(given, errors);
    checkTogether(options, errors);
  }
  warnings.push(...serviceLinkWarnings(links), ...withoutEffect(options, origins));
  const metricsPath = readMetricsPath(options, errors);
  const adminToken = readAdminToken(options.admin_token_file, errors);
  checkJoinedPort(options, { grpc: tls !== undefined, rest: isRestTls }, errors);
  if (errors.length > 0) return { errors };
  if (tls !== undefined) warnings.push(...outOfDate(tls.config, systemClock.wallMs()));
  warnings.push(...features.warnings(given));
  const read = { tls, isRestTls, facts, adminToken, metricsPath };
  return { config: Object.freeze({ ...collected, ...read, modelDefaults, options, origins, warnings }) };
}

/** The mistakes of variables that set options of features which are left out. */
function absentVariables({ absent = [] }: ConfigKeys, variables: OptionLayer): readonly string[] {
  return absent.flatMap((feature) =>
    Object.keys(feature.options ?? {}).flatMap((name) => {
      const given = variables(name);
      return given === undefined ? [] : [`${given.origin.place} ${leftOut(feature)}`];
    }),
  );
}

/** The value of an option that names a file with options. */
function pathOf(layers: readonly OptionLayer[], name: string): string {
  return lookUp(layers, name)?.texts.at(-1) ?? '';
}

function readYamlFile(path: string, keys: ConfigKeys, errors: string[]): YamlFile | undefined {
  if (path === '') return undefined;
  const { bytes, error } = readConfigFile(path);
  if (bytes === undefined) {
    errors.push(error);
    return undefined;
  }
  return { path, bytes, yaml: parsePillionYaml(path, bytes, keys, errors) };
}

function batchingLayer(path: string, errors: string[], warnings: string[]): OptionLayer | undefined {
  if (path === '') return undefined;
  const parsed = readTextProtoFile(BATCHING_PARAMETERS, path, errors);
  if (parsed === undefined) return undefined;
  const read = batchingOfParameters(parsed.message, parsed.where);
  errors.push(...read.errors);
  warnings.push(...read.warnings);
  const given = new Map<string, GivenOption>();
  for (const [key, field] of read.fields) {
    const value = read.batching[key];
    if (value === undefined) continue;
    const place = parsed.where(Array.isArray(value) ? `${field}[0]` : field);
    given.set(BATCHING_FIELDS[key], { texts: [String(value)], origin: { kind: 'file', place } });
  }
  return (name) => given.get(name);
}

function checkTogether(options: ServeOptions, errors: string[]): void {
  const allowed = options.allowed_batch_sizes;
  const largest = allowed.at(-1);
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
  if (options.admin_port === -1 && options.admin_socket_path === '') {
    errors.push('--admin_port=-1 leaves operators no way in; give --admin_socket_path=PATH too');
  }
}

/** Warnings about options that belong to a feature which is off. */
function withoutEffect(options: ServeOptions, origins: ReadonlyMap<string, Origin>): string[] {
  const given = (names: readonly string[]): readonly Origin[] => givenOf(names, { origins });
  const hasTls = options.ssl_config_file !== '' || options.tls_cert_file !== '';
  const tls = hasTls ? [] : given(['tls_min_version', 'tls_cipher_suites', 'tls_poll_wait_seconds']);
  return tls.map(({ place }) => `${place} has no effect: no port speaks TLS without --tls_cert_file`);
}

function readAdminToken(path: string, errors: string[]): string | undefined {
  if (path === '') return undefined;
  const { token, error } = secretIn(path, readConfigFile(path));
  if (error !== undefined) errors.push(error);
  return token;
}

function readMetricsPath(
  { monitoring_config_file: path, allow_metrics }: ServeOptions,
  errors: string[],
): string | undefined {
  if (!allow_metrics) return undefined;
  if (path === '') return DEFAULT_METRICS_PATH;
  const parsed = readTextProtoFile(MONITORING_CONFIG, path, errors);
  return parsed === undefined ? undefined : metricsPathOf(parsed.message, parsed.where, errors);
}
