/**
 * GET /config_dump: the configuration in effect, with the source of each value, and the models as they are configured
 * now (a file of models may have changed since the start).
 *
 * It tells no secret. Files that hold some are named and not opened: options hold paths alone. The user, query and
 * fragment of a URL, which a text could hold all the same, are taken out of every text.
 */
import { modelFields, optionFields, tlsFields } from '../../config/describe-config.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import type { ServeConfig } from '../../config/serve-config.ts';

/** Options that name files whose contents are read; a log's is written. */
const FILE_OPTION = /(^config|(?<!_log)_file)$/;

/** A scheme, and what follows to the next blank, quote or comma. */
const URL_TEXT = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s"'<>,]*)/gi;

export function configDump(config: ServeConfig, models: readonly ModelConfig[]): object {
  const options = optionFields(config);
  const files = Object.entries(config.options).filter(([name, value]) => FILE_OPTION.test(name) && value !== '');
  return withoutSecrets({
    options,
    files: Object.fromEntries(files),
    models_from: config.modelsFrom,
    models: models.map(modelFields),
    tls: tlsFields(config),
    metrics_path: config.metricsPath ?? false,
    warnings: config.warnings,
  }) as object;
}

/** The same value; URLs in its texts have neither user nor query nor fragment. */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string')
    return value.replace(URL_TEXT, (_, scheme: string, rest: string) => scheme + bare(rest));
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [withoutSecrets(name) as string, withoutSecrets(each)]),
  );
}

/** A password may itself have a slash or a question mark: the last @ counts. */
function bare(rest: string): string {
  const at = rest.lastIndexOf('@');
  const [host = ''] = rest.slice(at + 1).split(/[?#]/, 1);
  return host + (rest.length > at + 1 + host.length ? '?…' : '');
}
