import type { Environment } from '../../kernel/installation.ts';

/**
 * True if OpenTelemetry's standard variables ask for an export of this signal: OTEL_…_EXPORTER=otlp, or an endpoint of its
 * own. A general endpoint is not enough: users who scrape, or collect standard error, would get everything twice.
 */
export function isExportAsked(env: Environment, signal: 'METRICS' | 'LOGS'): boolean {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return false;
  const exporters = env[`OTEL_${signal}_EXPORTER`]?.trim();
  if (exporters) return exporters.split(',').some((name) => name.trim() === 'otlp');
  return Boolean(env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`]?.trim());
}
