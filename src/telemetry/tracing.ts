/**
 * Are requests traced, and where do their spans go? Decided at start from OpenTelemetry's standard environment
 * variables. Where they name no exporter nothing of OpenTelemetry is even imported (measured: 20 ms of CPU for its API,
 * 115 ms more for its SDK, on a start of about 100).
 */
import type { Clock } from '../core/clock.ts';
import type { Logger } from './log.ts';
import type { BatchRecord, RequestRecord } from './request-record.ts';
import type { Sampler } from './sampler.ts';

/** Environment variables, as in process.env. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface TracingOptions {
  /** The process's own: the SDK reads that one, whatever is given here. */
  readonly env: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ours, for `service.version` and the instrumentation scope. */
  readonly version: string;
}

/** Spans on their way out. */
export interface Tracing {
  readonly sampler: Sampler;
  /** Makes the spans of a request that has ended; nothing where it is not sampled. */
  makeRequestSpans(record: RequestRecord): void;
  /** Makes the spans of a batch that has run; nothing where no member is sampled. */
  makeBatchSpans(record: BatchRecord): void;
  /** Sends what is left, for at most 5 s. Never rejects; twice is once. */
  shutdown(): Promise<void>;
}

/** Do the standard variables name somewhere to send traces? */
export function isTracingConfigured(env: Environment): boolean {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return false;
  const exporters = env['OTEL_TRACES_EXPORTER']?.trim();
  if (exporters) return exporters !== 'none';
  return Boolean(env['OTEL_EXPORTER_OTLP_ENDPOINT']?.trim() || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']?.trim());
}

/** Undefined where tracing is not configured. Never rejects: an SDK that does not start is one error in the log. */
export async function startTracing(options: TracingOptions): Promise<Tracing | undefined> {
  if (!isTracingConfigured(options.env)) return undefined;
  try {
    const { startSdk } = await import('./otel-sdk.ts');
    return startSdk(options);
  } catch (error) {
    options.logger.error({ err: error }, 'tracing did not start; requests are served without it');
    return undefined;
  }
}
