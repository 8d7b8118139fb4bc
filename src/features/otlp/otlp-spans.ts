/**
 * Encodes records as OTLP and sends them to the collector that OpenTelemetry's standard variables name. Imported by
 * otlp-tracing.ts only if they name one. It uses OpenTelemetry's resource detectors and transports, but no span objects
 * (docs/adr/0022-otlp-from-records.md).
 *
 *   record ─▶ LinkedSpans ─▶ SpanMaker ─▶ SpanEncoder ─▶ SpanQueue ─▶ the SDK's OTLP transport
 *             which, when     which spans  bytes          batches      headers, TLS, gzip, retries
 */
import type { Resource } from '@opentelemetry/resources';
import { GrowingWriter } from '../../codec/protobuf/growing-writer.ts';
import { bytesField, message, messageField } from '../../codec/protobuf/wire-writer.ts';
import { LineLimiter } from '../../ledger/log/line-limiter.ts';
import { AttributeKey } from '../../ledger/tracing/span-output.ts';
import { type AnyValue, writeKeyValue } from './key-value.ts';
import { createOtlpTransport } from './otlp-transport.ts';
import { detectedResource, SCOPE_NAME } from './resource.ts';
import { startDiagnostics } from './sdk-diagnostics.ts';
import { SpanEncoder } from './span-encoder.ts';
import { spanLimitsFromEnv, spanQueueLimitsFromEnv } from './span-limits.ts';
import { SpanQueue } from './span-queue.ts';
import { type StartedSink, spanSink } from './span-sink.ts';
import type { LostSpansListener, OtlpProtocol, SpanLoss, TracingOptions } from './tracing-options.ts';

const RESOURCE_ATTRIBUTES = 0x0a;

/** Detects the resource and opens the transport. Rejects with OpenTelemetry's error if its variables are invalid. */
export async function startOtlpSpans(
  options: TracingOptions,
  protocol: OtlpProtocol,
  onLost: LostSpansListener,
): Promise<StartedSink> {
  const { clock, logger, version, env } = options;
  const diagnostics = startDiagnostics(options);
  const losses = new LossLog(options, onLost);
  const [transport, resource] = await Promise.all([
    createOtlpTransport(protocol),
    detectedResource(version, env['OTEL_NODE_RESOURCE_DETECTORS']),
  ]);
  const queue = new SpanQueue({
    clock,
    limits: spanQueueLimitsFromEnv(),
    resource: resourceField(resource),
    scope: messageField(1, message(bytesField(1, SCOPE_NAME), bytesField(2, version))),
    send: (spans) => transport.send(spans),
    onLost: (count, why, error) => losses.add(count, why, error),
  });
  const output = new SpanEncoder({ queue, limits: spanLimitsFromEnv() });
  let lostBefore = 0;
  return spanSink({
    output,
    clock,
    logger,
    sendRest() {
      lostBefore = losses.spans;
      return queue.shutdown().then(() => transport.shutdown());
    },
    close() {
      queue.abandon();
      losses.close();
      diagnostics.close();
      return losses.spans - lostBefore;
    },
  });
}

/** Encodes ResourceSpans.resource. */
function resourceField({ attributes }: Resource): Uint8Array {
  const writer = new GrowingWriter(1024);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null) continue;
    writeKeyValue(writer, RESOURCE_ATTRIBUTES, new AttributeKey(name), value as AnyValue);
  }
  return messageField(1, writer.buffer.subarray(0, writer.position));
}

/** Reports lost spans to `onLost`, and to the log with a few lines a minute. */
class LossLog {
  readonly #logger: TracingOptions['logger'];
  readonly #onLost: LostSpansListener;
  readonly #limiter: LineLimiter;
  /** Spans lost so far. */
  spans = 0;

  constructor({ logger, clock }: TracingOptions, onLost: LostSpansListener) {
    this.#logger = logger;
    this.#onLost = onLost;
    this.#limiter = new LineLimiter({
      clock,
      windowMs: 60_000,
      linesPerWindow: 1,
      onSuppressed: (why, times) => logger.warn({ why, times }, 'more spans were lost in the last minute'),
    });
  }

  add(count: number, why: SpanLoss, error: unknown): void {
    this.spans += count;
    this.#onLost(count, why);
    if (!this.#limiter.allow(why)) return;
    if (why === 'queue_full') this.#logger.warn({}, 'spans are lost: too many wait for the collector');
    else this.#logger.warn({ err: error, spans: count }, 'spans were lost: the collector did not take them');
  }

  close(): void {
    this.#limiter.close();
  }
}
