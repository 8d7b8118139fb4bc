/** The queue of encoded log records and its transport. Imported when an exporter starts: with it come OpenTelemetry's. */
import type { Environment } from '../../kernel/installation.ts';
import type { LossLog } from '../otlp/losses.ts';
import { createOtlpTransport, LOGS, type OtlpTransport } from '../otlp/otlp-transport.ts';
import { detectedResource, resourceFields, scopeFields } from '../otlp/resource.ts';
import { startDiagnostics } from '../otlp/sdk-diagnostics.ts';
import { queueLimitsFromEnv } from '../otlp/span-limits.ts';
import { SpanQueue } from '../otlp/span-queue.ts';
import type { ExportOptions, OtlpProtocol } from '../otlp/tracing-options.ts';

export interface OpenedQueue {
  readonly queue: SpanQueue;
  readonly transport: OtlpTransport;
  readonly diagnostics: { close(): void };
}

/** The standard's for OTEL_BLRP_*. */
const DEFAULTS = { maxQueued: 2048, maxExported: 512, delayMs: 1000, exportTimeoutMs: 30_000 };

/** Rejects with OpenTelemetry's error if its variables are invalid. */
export async function openLogQueue(options: ExportOptions, losses: LossLog): Promise<OpenedQueue> {
  const { env, clock, version } = options;
  const diagnostics = startDiagnostics(options);
  const transport = await createOtlpTransport(LOGS, protocolOf(env));
  const resource = await detectedResource(version, env['OTEL_NODE_RESOURCE_DETECTORS']);
  const queue = new SpanQueue({
    clock,
    limits: queueLimitsFromEnv('OTEL_BLRP', DEFAULTS),
    // ResourceLogs and ScopeLogs have the fields of ResourceSpans and ScopeSpans.
    resource: resourceFields(resource),
    scope: scopeFields(version),
    send: (records) => transport.send(records),
    onLost: (count, why, error) => losses.add(count, why, error),
  });
  return { queue, transport, diagnostics };
}

/** OTLP as JSON is not written: collectors take protobuf at the same path. */
function protocolOf(env: Environment): OtlpProtocol {
  const protocol = env['OTEL_EXPORTER_OTLP_LOGS_PROTOCOL']?.trim() || env['OTEL_EXPORTER_OTLP_PROTOCOL']?.trim();
  return protocol === 'grpc' ? 'grpc' : 'http/protobuf';
}
