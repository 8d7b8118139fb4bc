/**
 * Encodes records as OTLP and sends them to the collector that OpenTelemetry's standard variables name. Imported by
 * otlp-tracing.ts only if they name one. It uses OpenTelemetry's resource detectors and transports, but no span objects
 * (docs/adr/0022-otlp-from-records.md).
 *
 *   record ─▶ LinkedSpans ─▶ SpanMaker ─▶ SpanEncoder ─▶ SpanQueue ─▶ the SDK's OTLP transport
 *             which, when     which spans  bytes          batches      headers, TLS, gzip, retries
 */
import { LossLog } from './losses.ts';
import { createOtlpTransport, TRACES } from './otlp-transport.ts';
import { detectedResource, resourceFields, scopeFields } from './resource.ts';
import { startDiagnostics } from './sdk-diagnostics.ts';
import { SpanEncoder } from './span-encoder.ts';
import { spanLimitsFromEnv, spanQueueLimitsFromEnv } from './span-limits.ts';
import { SpanQueue } from './span-queue.ts';
import { type StartedSink, spanSink } from './span-sink.ts';
import type { LostSpansListener, OtlpProtocol, TracingOptions } from './tracing-options.ts';

/** Detects the resource and opens the transport. Rejects with OpenTelemetry's error if its variables are invalid. */
export async function startOtlpSpans(
  options: TracingOptions,
  protocol: OtlpProtocol,
  onLost: LostSpansListener,
): Promise<StartedSink> {
  const { clock, version, env } = options;
  const diagnostics = startDiagnostics(options);
  const losses = new LossLog(options, 'spans', onLost);
  const [transport, resource] = await Promise.all([
    createOtlpTransport(TRACES, protocol),
    detectedResource(version, env['OTEL_NODE_RESOURCE_DETECTORS']),
  ]);
  const queue = new SpanQueue({
    clock,
    limits: spanQueueLimitsFromEnv(),
    resource: resourceFields(resource),
    scope: scopeFields(version),
    send: (spans) => transport.send(spans),
    onLost: (count, why, error) => losses.add(count, why, error),
  });
  const output = new SpanEncoder({ queue, limits: spanLimitsFromEnv() });
  let lostBefore = 0;
  return spanSink({
    ...options,
    output,
    sendRest() {
      lostBefore = losses.count;
      return queue.shutdown().then(() => transport.shutdown());
    },
    close() {
      queue.abandon();
      losses.close();
      diagnostics.close();
      return losses.count - lostBefore;
    },
  });
}
