/**
 * `pillion config check [flags of serve] [--json]`: reads the configuration exactly as serve would, and prints each
 * effective value with its source. It opens no files but those of the configuration, and loads no models, but looks whether
 * the paths are there. It never prints keys and certificates.
 */
import { modelFields, optionFields, originText, tlsFields } from '../config/describe-config.ts';
import { missingPaths } from '../config/options/path-options.ts';
import { serveOptions } from '../config/options/serve-options.ts';
import { type ConfigSource, readServeConfig, type ServeConfig } from '../config/serve-config.ts';

interface CheckResult {
  readonly isSound: boolean;
  /** Complete lines for standard output. */
  readonly output: string;
  /** Lines for standard error. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

export function checkConfig({ args, ...source }: ConfigSource): CheckResult {
  const isJson = args.includes('--json');
  const { config, errors } = readServeConfig({ ...source, args: args.filter((argument) => argument !== '--json') });
  if (config === undefined) {
    const output = isJson ? `${JSON.stringify({ isSound: false, errors }, undefined, 2)}\n` : '';
    return { isSound: false, output, errors: isJson ? [] : errors, warnings: [] };
  }
  const warnings = [...config.warnings, ...missingPaths(serveOptions(source.features), config)];
  if (isJson) return { isSound: true, output: asJson(config, warnings), errors: [], warnings: [] };
  return { isSound: true, output: asText(config), errors: [], warnings };
}

function asJson(config: ServeConfig, warnings: readonly string[]): string {
  const whole = {
    isSound: true,
    options: optionFields(config),
    modelsFrom: config.modelsFrom,
    models: config.models.map(modelFields),
    tls: tlsFields(config),
    metricsPath: config.metricsPath ?? false,
    warnings,
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

function shown(value: unknown): string {
  return typeof value === 'string' && /^(?!true$|false$|null$)(?:[A-Za-z/][\w./-]*|latest:\d+)$/.test(value)
    ? value
    : JSON.stringify(value);
}
