/** Exporters by the environment. Nothing of OpenTelemetry is imported before they start. */
import type { Installation } from '../../kernel/installation.ts';
import { VERSION } from '../../version.ts';
import { lostSpansCounter } from './lost-spans.ts';
import { isMetricsExportConfigured, metricsExporter } from './metrics-export.ts';
import { createTracing, TRACING } from './otlp-tracing.ts';

export function installOtlp({ environment: env, clock, logger, telemetry, facts }: Installation): void {
  const { metrics } = telemetry;
  const options = { env, clock, logger, version: VERSION };
  const tracing = createTracing(options, lostSpansCounter(metrics.registry));
  if (tracing !== undefined) {
    telemetry.traceBy(tracing);
    telemetry.exportBy(tracing);
    facts.set(TRACING, tracing);
  }
  if (isMetricsExportConfigured(env)) telemetry.exportBy(metricsExporter(options, metrics));
}
