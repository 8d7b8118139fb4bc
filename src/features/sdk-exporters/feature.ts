/** Exporters that need the span objects of OpenTelemetry's SDK: console, zipkin, several at once, and OTLP as JSON. */
import type { Feature } from '../../kernel/feature.ts';

export const sdkExporters = {
  name: 'sdk-exporters',
  install: async (server) => (await import('./install.ts')).installSdkExporters(server),
} satisfies Feature;
