/** Pushes metrics if OpenTelemetry's standard variables ask for it at the start (asked-export.ts). */
import type { Clock } from '../../core/clock.ts';
import type { Environment } from '../../kernel/installation.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { Metrics } from '../../ledger/metrics/metrics.ts';
import type { Exporter } from '../../ledger/tracing/tracing.ts';
import { lastFlush } from './last-flush.ts';

export interface MetricsExportOptions {
  /** Must be the process's own environment, which the exporters read. */
  readonly env: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
}

interface MetricsExport {
  /** Sends once more (lastFlush). Resolves with whether the collector took it. Never rejects. */
  shutdown(): Promise<boolean>;
}

const DEFAULT_INTERVAL_MS = 60_000;

/** Pushes the metrics as the variables say. Loses at most the last values, which is told by `lost_metrics`. */
export function metricsExporter(options: MetricsExportOptions, metrics: Metrics): Exporter {
  let started: Promise<MetricsExport | undefined> | undefined;
  return {
    start: async () => {
      started ??= startMetricsExport(options, metrics);
      await started;
    },
    shutdown: async () => ((await (await started)?.shutdown()) === false ? { lost_metrics: true } : {}),
  };
}

/** Undefined if it did not start, which is logged as one error. Never rejects. */
async function startMetricsExport(options: MetricsExportOptions, metrics: Metrics): Promise<MetricsExport | undefined> {
  const { env, clock, logger, version } = options;
  try {
    const [{ startOtlpMetrics }, exporter] = await Promise.all([import('./otlp-metrics.ts'), exporterOf(env)]);
    let isTaken = true;
    const send = exporter.export.bind(exporter);
    // The reader keeps a failed export to itself.
    exporter.export = (metrics, done) =>
      send(metrics, (result) => {
        isTaken = result.error === undefined;
        done(result);
      });
    const started = startOtlpMetrics({
      read: () => metrics.snapshots(),
      exporter,
      intervalMs: Number(env['OTEL_METRIC_EXPORT_INTERVAL']) || DEFAULT_INTERVAL_MS,
      version,
      startedAtMs: clock.wallMs(),
      nowMs: () => clock.wallMs(),
    });
    return {
      async shutdown() {
        const error = await lastFlush(clock, () => started.shutdown());
        if (error !== undefined) logger.warn({ err: error }, 'the last metrics were lost');
        return error === undefined && isTaken;
      },
    };
  } catch (error) {
    logger.error({ err: error }, 'metrics are not exported');
    return undefined;
  }
}

/** The standard's three protocols; any other value means its default. */
async function exporterOf(env: Environment) {
  const protocol = env['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL'] ?? env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  if (protocol === 'grpc') return new (await import('@opentelemetry/exporter-metrics-otlp-grpc')).OTLPMetricExporter();
  if (protocol === 'http/json') {
    return new (await import('@opentelemetry/exporter-metrics-otlp-http')).OTLPMetricExporter();
  }
  return new (await import('@opentelemetry/exporter-metrics-otlp-proto')).OTLPMetricExporter();
}
