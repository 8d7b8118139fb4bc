/**
 * Starts tracing if OpenTelemetry's standard environment variables ask for it. If they name no exporter, nothing of
 * OpenTelemetry is imported. Otherwise the exporter is imported while the models load.
 */
import { factKey } from '../../core/collections/facts.ts';
import type { Environment } from '../../kernel/installation.ts';
import type { BatchRecord, KeepReason, RequestRecord } from '../../ledger/request-record.ts';
import { samplerFromEnv } from '../../ledger/tracing/sampler.ts';
import { Sampling } from '../../ledger/tracing/sampling.ts';
import type { SpanOutput } from '../../ledger/tracing/span-output.ts';
import type { Exporter, FlushLosses, Tracing } from '../../ledger/tracing/tracing.ts';
import type { StartedSink } from './span-sink.ts';
import type { LostSpansListener, OtlpProtocol, TracingOptions } from './tracing-options.ts';

/** The server's tracing, where it is configured. */
export const TRACING = factKey<OtlpTracing>('tracing');

/** Spans are made once `start` has resolved. Exporters of others report lost spans only in the log. */
export interface OtlpTracing extends Tracing, Exporter {
  /** Sets the function that starts the exporters that are not OTLP as protobuf. Call it before `start`. */
  exportBy(start: StartSink): void;
}

/** Starts an exporter that the variables name. Rejects if it cannot. */
export type StartSink = (options: TracingOptions) => Promise<StartedSink>;

/** True if the standard variables ask for an export of traces. */
export function isTracingConfigured(env: Environment): boolean {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return false;
  const exporters = env['OTEL_TRACES_EXPORTER']?.trim();
  if (exporters) return exporters !== 'none';
  return Boolean(env['OTEL_EXPORTER_OTLP_ENDPOINT']?.trim() || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']?.trim());
}

/** The protocol with which spans are sent as bytes; undefined if the exporter needs the SDK's objects. */
export function otlpProtocol(env: Environment): OtlpProtocol | undefined {
  const exporters = (env['OTEL_TRACES_EXPORTER'] ?? '').split(',').map((name) => name.trim());
  if (exporters.some((name) => name !== '' && name !== 'otlp')) return undefined;
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL']?.trim() || env['OTEL_EXPORTER_OTLP_PROTOCOL']?.trim();
  if (protocol === 'grpc' || protocol === 'http/protobuf') return protocol;
  // A protocol that is not in the standard is left to the SDK, which reports it.
  return protocol ? undefined : 'http/protobuf';
}

/** Undefined if tracing is not configured. Nothing is imported before `start`. */
export function createTracing(options: TracingOptions, onLost: LostSpansListener): OtlpTracing | undefined {
  return isTracingConfigured(options.env) ? new LazyTracing(options, onLost) : undefined;
}

class LazyTracing implements OtlpTracing {
  readonly sampling: Sampling;
  readonly #options: TracingOptions;
  readonly #onLost: LostSpansListener;
  #starting: Promise<void> | undefined;
  #sink: StartedSink | undefined;
  #startOther: StartSink = lacks;

  constructor(options: TracingOptions, onLost: LostSpansListener) {
    const choice = samplerFromEnv(options.env);
    if (choice.warning !== undefined) options.logger.warn({}, choice.warning);
    this.sampling = new Sampling(choice);
    this.#options = options;
    this.#onLost = onLost;
  }

  exportBy(start: StartSink): void {
    this.#startOther = start;
  }

  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  makeRequestSpans(record: RequestRecord, kept: KeepReason | undefined): void {
    this.#sink?.makeRequestSpans(record, kept);
  }

  makeBatchSpans(record: BatchRecord): void {
    this.#sink?.makeBatchSpans(record);
  }

  makeSpans(make: (output: SpanOutput) => void): void {
    this.#sink?.makeSpans(make);
  }

  async shutdown(): Promise<FlushLosses> {
    await this.#starting;
    const lost = (await this.#sink?.shutdown()) ?? 0;
    return lost === 0 ? {} : { lost_spans: lost };
  }

  async #start(): Promise<void> {
    try {
      this.#sink = await this.#startSink();
    } catch (error) {
      this.#options.logger.error({ err: error }, 'tracing did not start; requests are served without it');
    }
  }

  async #startSink(): Promise<StartedSink> {
    const protocol = otlpProtocol(this.#options.env);
    if (protocol === undefined) return await this.#startOther(this.#options);
    return await (await import('./otlp-spans.ts')).startOtlpSpans(this.#options, protocol, this.#onLost);
  }
}

function lacks(): Promise<never> {
  return Promise.reject(new Error('this build exports spans only by OTLP as protobuf; set OTEL_TRACES_EXPORTER=otlp'));
}
