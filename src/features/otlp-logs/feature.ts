/** The server's log for collectors, where OpenTelemetry's standard variables ask for it (docs/reference/observability.md). */

import type { Feature } from '../../kernel/feature.ts';
import type { Installation } from '../../kernel/installation.ts';
import { isExportAsked } from '../otlp/asked-export.ts';

export const otlpLogs = {
  name: 'otlp-logs',
  install: async (server: Installation) => {
    if (isExportAsked(server.environment, 'LOGS')) (await import('./install.ts')).installOtlpLogs(server);
  },
} satisfies Feature;
