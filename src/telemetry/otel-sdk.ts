/**
 * The OpenTelemetry SDK, started and held. Imported by tracing.ts only where an exporter is configured: it costs more
 * start-up time than the rest of the server.
 *
 * The SDK reads the standard variables from the process's environment itself: exporter, protocol, endpoint, headers,
 * resource attributes, limits, batching. No instrumentation, no metrics or logs of its own, no context manager: we
 * carry context by hand, and AsyncLocalStorage would tax every promise.
 *
 * Spans are made when their request has ended, with ids that were given out at its edge. Of the two ways to do so we
 * use the SDK's Tracer with an IdGenerator that hands out preset ids, and not ReadableSpan objects of our own given to
 * a processor: span limits, the resource (which resolves late) and the exporters' view of a span stay the SDK's, and
 * NodeSDK does not let go of its processors anyway.
 *
 * Nothing stays global: NodeSDK registers its tracer provider; we take it and empty the registry again, so that two
 * servers live in one process. The one exception is the SDK's own diagnostics, which are global by its design: they go
 * to the logger given last.
 *
 * When the collector is away spans wait in the SDK's bounded queue (OTEL_BSP_MAX_QUEUE_SIZE), then are dropped; requests
 * never wait for it.
 */
import { context, type DiagLogger, DiagLogLevel, diag, SamplingDecision, type Tracer, trace } from '@opentelemetry/api';
import { NodeSDK, resources } from '@opentelemetry/sdk-node';
import type { Clock } from '../core/clock.ts';
import { LineLimiter } from './line-limiter.ts';
import { LinkedSpans } from './linked-spans.ts';
import type { Logger } from './log.ts';
import { PresetIds, SpanMaker } from './span-maker.ts';
import type { SpanSink, TracingOptions } from './tracing.ts';

/** How long shutdown waits for the last spans to be taken. */
const SHUTDOWN_TIMEOUT_MS = 5000;

/** `service.name` where neither OTEL_SERVICE_NAME nor OTEL_RESOURCE_ATTRIBUTES gives one. */
const DEFAULT_SERVICE_NAME = 'pillion';

/** Name of our instrumentation scope. */
const SCOPE = 'pillion';

/** Starts the SDK. Throws what the SDK throws. */
export function startSdk(options: TracingOptions): SpanSink {
  const ids = new PresetIds();
  const diagnostics = new LimitedDiagnostics(options);
  const { sdk, tracer } = startNodeSdk(options, ids, diagnostics);
  const spans = new LinkedSpans(new SpanMaker({ tracer, ids, clock: options.clock }), options.clock);
  let ended: Promise<void> | undefined;
  return {
    makeRequestSpans: (record, kept) => spans.makeRequestSpans(record, kept),
    makeBatchSpans: (record) => spans.makeBatchSpans(record),
    shutdown() {
      spans.flush();
      ended ??= shutdownWithin(sdk, options).finally(() => diagnostics.close());
      return ended;
    },
  };
}

function startNodeSdk(
  options: TracingOptions,
  ids: PresetIds,
  diagnostics: DiagLogger,
): { sdk: NodeSDK; tracer: Tracer } {
  const own = resources.resourceFromAttributes({
    'service.name': DEFAULT_SERVICE_NAME,
    'service.version': options.version,
  });
  const sdk = new NodeSDK({
    resource: resources.defaultResource().merge(own),
    sampler: { shouldSample: () => ({ decision: SamplingDecision.RECORD_AND_SAMPLED }) },
    idGenerator: ids,
    textMapPropagator: null,
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
  });
  diag.setLogger(diagnostics, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  trace.disable();
  sdk.start();
  const tracer = trace.getTracerProvider().getTracer(SCOPE, options.version);
  trace.disable();
  context.disable();
  return { sdk, tracer };
}

/** Our clock's timers hold no process open; the exporter's sockets do while it sends. */
async function shutdownWithin(sdk: NodeSDK, { clock, logger }: TracingOptions): Promise<void> {
  const outcome = await new Promise<unknown>((resolve) => {
    const timer = clock.setTimer(clock.nowMs() + SHUTDOWN_TIMEOUT_MS, () =>
      resolve(new Error(`the collector did not take them within ${SHUTDOWN_TIMEOUT_MS} ms`)),
    );
    const settle = (error?: unknown): void => {
      timer.cancel();
      resolve(error);
    };
    sdk.shutdown().then(() => settle(), settle);
  });
  if (outcome !== undefined) logger.warn({ err: outcome }, 'the last spans were lost');
}

/** The SDK's own words in our log. It repeats itself with every lost export while a collector is away. */
class LimitedDiagnostics implements DiagLogger {
  readonly #logger: Logger;
  readonly #limiter: LineLimiter;

  constructor({ logger, clock }: { readonly logger: Logger; readonly clock: Clock }) {
    this.#logger = logger.child({ component: 'opentelemetry' });
    this.#limiter = new LineLimiter({
      clock,
      windowMs: 60_000,
      linesPerWindow: 5,
      onSuppressed: (_key, lines) => this.#logger.warn({ lines }, 'more of the same in the last minute'),
    });
  }

  error(message: string): void {
    if (this.#limiter.allow('diagnostics')) this.#logger.warn({}, message);
  }

  warn(message: string): void {
    this.error(message);
  }

  info(message: string): void {
    this.#logger.debug({}, message);
  }

  debug(message: string): void {
    this.#logger.debug({}, message);
  }

  verbose(message: string): void {
    this.#logger.debug({}, message);
  }

  close(): void {
    this.#limiter.close();
  }
}
