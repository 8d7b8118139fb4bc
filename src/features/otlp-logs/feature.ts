/** The server's log for collectors, where OpenTelemetry's standard variables ask for it (docs/reference/observability.md). */

import type { Feature } from '../../kernel/feature.ts';
import type { Environment, Installation } from '../../kernel/installation.ts';

export const otlpLogs = {
  name: 'otlp-logs',
  install: async (server: Installation) => {
    if (isLogExportConfigured(server.environment)) (await import('./install.ts')).installOtlpLogs(server);
  },
} satisfies Feature;

/** True if the standard variables ask for an export of logs. A general endpoint is not enough, as for metrics. */
export function isLogExportConfigured(env: Environment): boolean {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return false;
  const exporters = env['OTEL_LOGS_EXPORTER']?.trim();
  if (exporters) return exporters.split(',').some((name) => name.trim() === 'otlp');
  return Boolean(env['OTEL_EXPORTER_OTLP_LOGS_ENDPOINT']?.trim());
}
