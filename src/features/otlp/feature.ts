/** Spans and metrics for collectors, where OpenTelemetry's standard variables ask for them (docs/reference/observability.md). */
import type { Feature } from '../../kernel/feature.ts';

export const otlp = {
  name: 'otlp',
  install: async (server) => (await import('./install.ts')).installOtlp(server),
} satisfies Feature;
