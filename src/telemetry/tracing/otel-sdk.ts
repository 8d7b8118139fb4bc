/**
 * The OpenTelemetry SDK, started and held, for exporters that want its span objects: console, zipkin, several at once,
 * and OTLP as JSON. Imported by tracing.ts only for them: it costs more start-up time than the rest of the server. OTLP as
 * protobuf goes without it (otlp/otlp-spans.ts).
 *
 * The SDK reads the standard variables from the process's environment itself: exporter, protocol, endpoint, headers,
 * resource attributes, limits, batching. No instrumentation, no metrics or logs of its own, no context manager: we
 * carry context by hand, and AsyncLocalStorage would tax every promise.
 *
 * Nothing stays global: NodeSDK registers its tracer provider; we take it and empty the registry again, so that two
 * servers live in one process. The one exception is the SDK's own diagnostics (sdk-diagnostics.ts).
 *
 * When the collector is away spans wait in the SDK's bounded queue (OTEL_BSP_MAX_QUEUE_SIZE), then are dropped; requests
 * never wait for it.
 */
import { context, SamplingDecision, type Tracer, trace } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { waitForLastSpans } from './last-spans.ts';
import { ownResource, SCOPE_NAME } from './otlp/resource.ts';
import { startDiagnostics } from './sdk-diagnostics.ts';
import { PresetIds, SdkSpans } from './sdk-spans.ts';
import { type SpanSink, spanSink } from './span-sink.ts';
import type { TracingOptions } from './tracing-options.ts';

/** Starts the SDK. Throws what the SDK throws. */
export function startSdk(options: TracingOptions): SpanSink {
  const { clock, logger } = options;
  const ids = new PresetIds();
  const diagnostics = startDiagnostics(options);
  const { sdk, tracer } = startNodeSdk(options, ids);
  return spanSink(new SdkSpans({ tracer, ids }), clock, () =>
    waitForLastSpans(sdk.shutdown(), clock, logger).finally(() => diagnostics.close()),
  );
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
  const tracer = trace.getTracerProvider().getTracer(SCOPE_NAME, version);
  trace.disable();
  context.disable();
  return { sdk, tracer };
}
