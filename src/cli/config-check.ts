/**
 * `pillion config check [flags of serve] [--json]`: reads the configuration exactly as serve would, and prints each
 * effective value with its source. It opens no files but those of the configuration, and loads no models. It never
 * prints keys and certificates.
 */
import type { PadValue } from '../config/batch-declaration.ts';
import { BATCHING_FIELDS } from '../config/batching-parameters.ts';
import { type BatchingConfig, type BreakerConfig, type ModelConfig, showModelChoice } from '../config/model-config.ts';
import type { Origin } from '../config/read-options.ts';
import { readServeConfig, type ServeConfig } from '../config/serve-config.ts';

interface CheckResult {
  readonly isSound: boolean;
  /** For standard output; complete lines. */
  readonly output: string;
  /** For standard error, each on its own line. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

export function checkConfig(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): CheckResult {
  const isJson = args.includes('--json');
  const { config, errors } = readServeConfig(
    args.filter((argument) => argument !== '--json'),
    environment,
  );
  if (config === undefined) {
    const output = isJson ? `${JSON.stringify({ isSound: false, errors }, undefined, 2)}\n` : '';
    return { isSound: false, output, errors: isJson ? [] : errors, warnings: [] };
  }
  if (isJson) return { isSound: true, output: asJson(config), errors: [], warnings: [] };
  return { isSound: true, output: asText(config), errors: [], warnings: config.warnings };
}

function asJson(config: ServeConfig): string {
  const options = Object.entries(config.options).map(([name, value]) => [
    name,
    { value, from: originText(config.origins.get(name)) },
  ]);
  const whole = {
    isSound: true,
    options: Object.fromEntries(options),
    modelsFrom: config.modelsFrom,
    models: config.models.map(modelFields),
    tls: tlsFields(config),
    metricsPath: config.metricsPath ?? false,
    warnings: config.warnings,
  };
  return `${JSON.stringify(whole, undefined, 2)}\n`;
}

function asText(config: ServeConfig): string {
  const rows = Object.entries(config.options).map(([name, value]) => [
    `${name}: ${shown(value)}`,
    originText(config.origins.get(name)),
  ]);
  const width = Math.min(60, Math.max(...rows.map(([text]) => text!.length)));
  const lines = rows.map(([text, from]) => `${text!.padEnd(width)}  # ${from}`);
  lines.push(`models:  # ${config.modelsFrom}`);
  for (const model of config.models) {
    const [name, ...rest] = Object.entries(modelFields(model)).map(([key, value]) => `${key}: ${shown(value)}`);
    lines.push(`  - ${name}`, ...rest.map((line) => `    ${line}`));
  }
  const { grpc, rest } = tlsFields(config);
  lines.push(`# gRPC: ${grpc ? 'TLS' : 'plain text'}; REST: ${rest ? 'TLS' : 'plain text'}`);
  lines.push(`# metrics on the REST port: ${config.metricsPath ?? 'none'}`);
  return `${lines.join('\n')}\n`;
}

function tlsFields({ tls, isRestTls }: ServeConfig): { grpc: boolean; rest: boolean; verifyClient: boolean } {
  return { grpc: tls !== undefined, rest: isRestTls, verifyClient: tls?.config.verifyClient ?? false };
}

/** A model with the keys of pillion.yaml, without those that it leaves to the server. */
function modelFields(model: ModelConfig): Readonly<Record<string, unknown>> {
  const { versionPolicy: policy, versionLabels: labels, logging, breaker } = model;
  const fields = {
    name: model.name,
    base_path: model.basePath,
    versions:
      policy.kind === 'specific'
        ? policy.versions.map(String)
        : policy.kind === 'all'
          ? 'all'
          : `latest:${policy.count}`,
    labels:
      labels.size === 0 ? undefined : Object.fromEntries([...labels].map(([name, version]) => [name, String(version)])),
    backend: model.backend,
    provider: model.executionProvider,
    devices: model.devices,
    host: model.host,
    slo_ms: model.sloMs,
    batching: batchingFields(model),
    logging: logging && { filename_prefix: logging.filenamePrefix, sampling_rate: logging.samplingRate },
    breaker: typeof breaker === 'object' ? breakerFields(breaker) : breaker,
    shadow: model.shadow,
    fallback: model.fallback && showModelChoice(model.fallback),
    degrade_to: model.degradeTo && showModelChoice(model.degradeTo),
    // A model of a Triton repository that fails its load, whatever its versions hold.
    refused: model.triton?.refusal,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function breakerFields({ failures, windowMs, resetMs }: BreakerConfig): Readonly<Record<string, number>> {
  return { failures, window_ms: windowMs, reset_ms: resetMs };
}

function batchingFields({ batching = {}, declaredBatching: declared }: ModelConfig): unknown {
  if (declared === 'off') return 'off';
  const knobs = Object.entries(batching) as [keyof BatchingConfig, unknown][];
  const fields = {
    ...Object.fromEntries(knobs.map(([knob, value]) => [BATCHING_FIELDS[knob], value])),
    enabled: declared?.enabled,
    inputs: declared?.inputs && axisFields(declared.inputs),
    outputs: declared?.outputs && axisFields(declared.outputs),
    pad_values: declared?.padValues && valueFields(declared.padValues),
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

function valueFields(values: ReadonlyMap<string, PadValue>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    [...values].map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
  );
}

function axisFields(axes: ReadonlyMap<string, number | 'same'>): Readonly<Record<string, object>> {
  const entries = [...axes].map(([name, axis]) => [name, axis === 'same' ? { batch: axis } : { batch_axis: axis }]);
  return Object.fromEntries(entries) as Record<string, object>;
}

function originText(origin: Origin | undefined): string {
  if (origin === undefined || origin.kind === 'default') return 'default';
  return origin.kind === 'environment' ? `environment ${origin.place}` : origin.place;
}

function shown(value: unknown): string {
  return typeof value === 'string' && /^(?!true$|false$|null$)(?:[A-Za-z/][\w./-]*|latest:\d+)$/.test(value)
    ? value
    : JSON.stringify(value);
}
