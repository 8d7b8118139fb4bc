/**
 * Starts tracing if OpenTelemetry's standard environment variables ask for it. If they name no exporter, nothing of
 * OpenTelemetry is imported. Otherwise the exporter is imported while the models load.
 */
import type { BatchRecord, KeepReason, RequestRecord } from '../request-record.ts';
import { samplerFromEnv } from './sampler.ts';
import { Sampling } from './sampling.ts';
import type { SpanOutput } from './span-output.ts';
import type { SpanSink } from '../../features/otlp/span-sink.ts';
import type { Environment, LostSpansListener, OtlpProtocol, TracingOptions } from './tracing-options.ts';

/** Trace contexts are made from the first request on, spans once `start` has resolved. */
export interface Tracing extends SpanSink {
  readonly sampling: Sampling;
  /**
   * Imports and starts the exporter. Never rejects: if it does not start, one error is logged. Idempotent. Others than
   * ours may report lost spans only in the log.
   */
  start(onLost: LostSpansListener): Promise<void>;
  /** Sets the function that starts the exporters that are not OTLP as protobuf. Call it before `start`. */
  exportBy(start: StartSink): void;
}

/** Starts an exporter that the variables name. Rejects if it cannot. */
export type StartSink = (options: TracingOptions) => Promise<SpanSink>;

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
export function createTracing(options: TracingOptions): Tracing | undefined {
  return isTracingConfigured(options.env) ? new LazyTracing(options) : undefined;
}

class LazyTracing implements Tracing {
  readonly sampling: Sampling;
  readonly #options: TracingOptions;
  #starting: Promise<void> | undefined;
  #sink: SpanSink | undefined;
  #startOther: StartSink = lacks;

  constructor(options: TracingOptions) {
    const choice = samplerFromEnv(options.env);
    if (choice.warning !== undefined) options.logger.warn({}, choice.warning);
    this.sampling = new Sampling(choice);
    this.#options = options;
  }

  exportBy(start: StartSink): void {
    this.#startOther = start;
  }

  start(onLost: LostSpansListener): Promise<void> {
    this.#starting ??= this.#start(onLost);
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

  async shutdown(): Promise<number | 'unknown'> {
    await this.#starting;
    return (await this.#sink?.shutdown()) ?? 0;
  }

  async #start(onLost: LostSpansListener): Promise<void> {
    try {
      this.#sink = await this.#startSink(onLost);
    } catch (error) {
      this.#options.logger.error({ err: error }, 'tracing did not start; requests are served without it');
    }
  }

  async #startSink(onLost: LostSpansListener): Promise<SpanSink> {
    const protocol = otlpProtocol(this.#options.env);
    if (protocol === undefined) return await this.#startOther(this.#options);
    return await (await import('../../features/otlp/otlp-spans.ts')).startOtlpSpans(this.#options, protocol, onLost);
  }
}

function lacks(): Promise<never> {
  return Promise.reject(new Error('this build exports spans only by OTLP as protobuf; set OTEL_TRACES_EXPORTER=otlp'));
}
