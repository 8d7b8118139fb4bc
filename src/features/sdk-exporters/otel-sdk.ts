/**
 * Exports spans with the OpenTelemetry SDK, for exporters that need its span objects: console, zipkin, several at once,
 * and OTLP as JSON. Imported only for them, since it takes long to load. OTLP as protobuf does without it
 * (features/otlp/otlp-spans.ts).
 *
 * The SDK reads the standard variables from the process's environment itself: exporter, protocol, endpoint, headers,
 * resource attributes, limits, batching. It has no instrumentation, no metrics or logs of its own, and no context
 * manager: context is passed explicitly, since AsyncLocalStorage would slow down every promise.
 *
 * NodeSDK registers its tracer provider globally. It is taken out of the registry again, so that two servers can live
 * in one process. Only the SDK's own diagnostics stay global (features/otlp/sdk-diagnostics.ts).
 *
 * While the collector is away, spans wait in the SDK's bounded queue (OTEL_BSP_MAX_QUEUE_SIZE) and are then dropped.
 * Requests never wait for it.
 */
import { context, SamplingDecision, type Tracer, trace } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { SCHEMA_URL } from '../../ledger/tracing/schema-url.ts';
import { ownResource, SCOPE_NAME } from '../otlp/resource.ts';
import { startDiagnostics } from '../otlp/sdk-diagnostics.ts';
import { type StartedSink, spanSink } from '../otlp/span-sink.ts';
import type { TracingOptions } from '../otlp/tracing-options.ts';
import { PresetIds, SdkSpans } from './sdk-spans.ts';

/** Starts the SDK. Throws what the SDK throws. */
export function startSdk(options: TracingOptions): StartedSink {
  const ids = new PresetIds();
  const diagnostics = startDiagnostics(options);
  const { sdk, tracer } = startNodeSdk(options, ids);
  const exporters = (options.env['OTEL_TRACES_EXPORTER'] ?? '').split(',').map((name) => name.trim());
  const output = new SdkSpans({ tracer, ids, inWholeMicros: exporters.includes('zipkin') });
  const close = (error: unknown): number | 'unknown' => {
    diagnostics.close();
    return error === undefined ? 0 : 'unknown';
  };
  return spanSink({ ...options, output, sendRest: () => sdk.shutdown(), close });
}

function startNodeSdk({ version }: TracingOptions, ids: PresetIds): { sdk: NodeSDK; tracer: Tracer } {
  const sdk = new NodeSDK({
    resource: ownResource(version),
    sampler: { shouldSample: () => ({ decision: SamplingDecision.RECORD_AND_SAMPLED }) },
    idGenerator: ids,
    textMapPropagator: null,
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
  });
  trace.disable();
  sdk.start();
  const tracer = trace.getTracerProvider().getTracer(SCOPE_NAME, version, { schemaUrl: SCHEMA_URL });
  trace.disable();
  context.disable();
  return { sdk, tracer };
}
