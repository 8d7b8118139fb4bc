/** Exporters that need the span objects of OpenTelemetry's SDK: console, zipkin, several at once, and OTLP as JSON. */
import type { Feature } from '../../kernel/feature.ts';

export const sdkExporters = {
  name: 'sdk-exporters',
  install: ({ telemetry }) =>
    telemetry.exportSpansBy(async (options) => (await import('./otel-sdk.ts')).startSdk(options)),
} satisfies Feature;
