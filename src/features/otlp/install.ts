/** Exporters by the environment. Nothing of OpenTelemetry is imported before they start. */
import type { Installation } from '../../kernel/installation.ts';
import { VERSION } from '../../version.ts';
import { lossCounter } from './losses.ts';
import { isMetricsExportConfigured, metricsExporter } from './metrics-export.ts';
import { createTracing, TRACING } from './otlp-tracing.ts';

const LOST_SPANS = 'Spans that were lost on their way to the collector: too many waited, or it did not take them.';

export function installOtlp({ environment: env, clock, logger, telemetry, facts }: Installation): void {
  const { metrics } = telemetry;
  const options = { env, clock, logger, version: VERSION };
  const tracing = createTracing(options, lossCounter(metrics.registry, 'pillion_lost_spans_total', LOST_SPANS));
  if (tracing !== undefined) {
    telemetry.traceBy(tracing);
    telemetry.exportBy(tracing);
    facts.set(TRACING, tracing);
  }
  if (isMetricsExportConfigured(env)) telemetry.exportBy(metricsExporter(options, metrics));
}
