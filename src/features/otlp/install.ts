/** Exporters by the environment. Nothing of OpenTelemetry is imported before they start. */
import type { Installation } from '../../kernel/installation.ts';
import { VERSION } from '../../version.ts';
import { isExportAsked } from './asked-export.ts';
import { ServedNames } from './attributes/served-names.ts';
import { lossCounter } from './losses.ts';
import { metricsExporter } from './metrics-export.ts';
import { createTracing, TRACING } from './otlp-tracing.ts';

const LOST_SPANS = 'Spans that were lost on their way to the collector: too many waited, or it did not take them.';

export function installOtlp(server: Installation): void {
  const { environment: env, clock, logger, telemetry, facts, config, surface } = server;
  const { metrics } = telemetry;
  const { isRestTls, tls, options: given } = config;
  const isGrpcTls = tls !== undefined;
  const names = new ServedNames({ isRestTls, isGrpcTls, restPrefix: given.inference_path_prefix });
  const options = { env, clock, logger, version: VERSION, names };
  const tracing = createTracing(options, lossCounter(metrics.registry, 'pillion_lost_spans_total', LOST_SPANS));
  if (tracing !== undefined) {
    telemetry.traceBy(tracing);
    telemetry.exportBy(tracing);
    facts.set(TRACING, tracing);
    surface(() => ({
      grpc: (_exchange, all) => {
        names.services = all;
        return [];
      },
      rest: (described) => {
        names.described = described;
        return undefined;
      },
    }));
  }
  if (isExportAsked(env, 'METRICS')) telemetry.exportBy(metricsExporter(options, metrics));
}
