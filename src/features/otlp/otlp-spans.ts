/**
 * Encodes records as OTLP and sends them to the collector that OpenTelemetry's standard variables name. Imported by
 * otlp-tracing.ts only if they name one. It uses OpenTelemetry's resource detectors and transports, but no span objects
 * (docs/adr/0022-otlp-from-records.md).
 *
 *   record ─▶ LinkedSpans ─▶ SpanMaker ─▶ SpanEncoder ─▶ SpanQueue ─▶ the SDK's OTLP transport
 *             which, when     which spans  bytes          batches      headers, TLS, gzip, retries
 */
import { openExportQueue } from './export-queue.ts';
import { LossLog } from './losses.ts';
import { TRACES } from './otlp-transport.ts';
import { SpanEncoder } from './span-encoder.ts';
import { spanLimitsFromEnv, spanQueueLimitsFromEnv } from './span-limits.ts';
import { type StartedSink, spanSink } from './span-sink.ts';
import type { LostSpansListener, OtlpProtocol, TracingOptions } from './tracing-options.ts';

/** Opens the queue. Rejects with OpenTelemetry's error if its variables are invalid. */
export async function startOtlpSpans(
  options: TracingOptions,
  protocol: OtlpProtocol,
  onLost: LostSpansListener,
): Promise<StartedSink> {
  const losses = new LossLog(options, 'spans', onLost);
  const limits = spanQueueLimitsFromEnv;
  const { queue, sendRest, close } = await openExportQueue(options, { signal: TRACES, protocol, limits, losses });
  const output = new SpanEncoder({ queue, limits: spanLimitsFromEnv() });
  return spanSink({ ...options, output, sendRest, close });
}
