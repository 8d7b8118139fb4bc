/**
 * Are metrics pushed, and where to? Decided at start from OpenTelemetry's standard variables: OTEL_METRICS_EXPORTER=otlp,
 * or an endpoint of metrics alone. An endpoint of everything is not enough: who scrapes would have them twice.
 */
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../log/log.ts';
import type { Environment } from '../tracing/tracing-options.ts';
import type { Metrics } from './metrics.ts';

export interface MetricsExportOptions {
  /** The process's own: the exporters read that one, whatever is given here. */
  readonly env: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
}

/** Metrics on their way out. */
export interface MetricsExport {
  /** Sends once more. Never rejects; takes as long as the exporter's own timeout at most. */
  shutdown(): Promise<void>;
}

const DEFAULT_INTERVAL_MS = 60_000;

/** Do the standard variables name somewhere to send metrics? */
export function isMetricsExportConfigured(env: Environment): boolean {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return false;
  const exporters = env['OTEL_METRICS_EXPORTER']?.trim();
  if (exporters) return exporters.split(',').some((name) => name.trim() === 'otlp');
  return Boolean(env['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT']?.trim());
}

/** Undefined where it is not configured, or did not start: one error in the log then. Never rejects. */
export async function startMetricsExport(
  options: MetricsExportOptions,
  metrics: Metrics,
): Promise<MetricsExport | undefined> {
  const { env, clock, logger, version } = options;
  if (!isMetricsExportConfigured(env)) return undefined;
  try {
    const [{ startOtlpMetrics }, exporter] = await Promise.all([import('./otlp-metrics.ts'), exporterOf(env)]);
    const started = startOtlpMetrics({
      read: () => metrics.snapshots(),
      exporter,
      intervalMs: Number(env['OTEL_METRIC_EXPORT_INTERVAL']) || DEFAULT_INTERVAL_MS,
      version,
      startedAtMs: clock.wallMs(),
      nowMs: () => clock.wallMs(),
    });
    return {
      shutdown: () =>
        started.shutdown().catch((error: unknown) => logger.warn({ err: error }, 'the last metrics were lost')),
    };
  } catch (error) {
    logger.error({ err: error }, 'metrics are not exported');
    return undefined;
  }
}

/** The standard's three protocols; what is none of them is its default. */
async function exporterOf(env: Environment) {
  const protocol = env['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL'] ?? env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  if (protocol === 'grpc') return new (await import('@opentelemetry/exporter-metrics-otlp-grpc')).OTLPMetricExporter();
  if (protocol === 'http/json') {
    return new (await import('@opentelemetry/exporter-metrics-otlp-http')).OTLPMetricExporter();
  }
  return new (await import('@opentelemetry/exporter-metrics-otlp-proto')).OTLPMetricExporter();
}
