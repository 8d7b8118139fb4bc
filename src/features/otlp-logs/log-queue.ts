/** The queue of encoded log records. Imported when an exporter starts: with it come OpenTelemetry's transports. */
import type { Environment } from '../../kernel/installation.ts';
import { type ExportQueue, openExportQueue } from '../otlp/export-queue.ts';
import type { LossLog } from '../otlp/losses.ts';
import { LOGS } from '../otlp/otlp-transport.ts';
import { queueLimitsFromEnv } from '../otlp/span-limits.ts';
import type { ExportOptions, OtlpProtocol } from '../otlp/tracing-options.ts';

/** The standard's for OTEL_BLRP_*. */
const DEFAULTS = { maxQueued: 2048, maxExported: 512, delayMs: 1000, exportTimeoutMs: 30_000 };

/** Rejects with OpenTelemetry's error if its variables are invalid. */
export function openLogQueue(options: ExportOptions, losses: LossLog): Promise<ExportQueue> {
  const limits = () => queueLimitsFromEnv('OTEL_BLRP', DEFAULTS);
  return openExportQueue(options, { signal: LOGS, protocol: protocolOf(options.env), limits, losses });
}

/** OTLP as JSON is not written: collectors take protobuf at the same path. */
function protocolOf(env: Environment): OtlpProtocol {
  const protocol = env['OTEL_EXPORTER_OTLP_LOGS_PROTOCOL']?.trim() || env['OTEL_EXPORTER_OTLP_PROTOCOL']?.trim();
  return protocol === 'grpc' ? 'grpc' : 'http/protobuf';
}
