/**
 * Are requests traced, and where do their spans go? Decided at start from OpenTelemetry's standard environment
 * variables. Where they name no exporter nothing of OpenTelemetry is even imported (measured: 20 ms of CPU for its API,
 * 115 ms more for its SDK, on a start of about 100). Where they do, what they need is imported while the models load.
 */

import type { KeepReason } from '../recorder/tail-keep.ts';
import type { BatchRecord, RequestRecord } from '../request-record.ts';
import { type Sampler, samplerFromEnv } from './sampler.ts';
import type { SpanSink } from './span-sink.ts';
import type { Environment, LostSpansListener, OtlpProtocol, TracingOptions } from './tracing-options.ts';

/** Spans on their way out. Trace contexts are made from the first request on, spans once it has started. */
export interface Tracing extends SpanSink {
  readonly sampler: Sampler;
  /**
   * Imports and starts what sends. Never rejects: one that does not start is one error in the log. Twice is once. The
   * SDK's own exporters (otel-sdk.ts) tell of lost spans in the log alone.
   */
  start(onLost: LostSpansListener): Promise<void>;
}

/** Do the standard variables name somewhere to send traces? */
export function isTracingConfigured(env: Environment): boolean {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return false;
  const exporters = env['OTEL_TRACES_EXPORTER']?.trim();
  if (exporters) return exporters !== 'none';
  return Boolean(env['OTEL_EXPORTER_OTLP_ENDPOINT']?.trim() || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']?.trim());
}

/** How spans are sent as bytes; undefined where an exporter is asked for that wants the SDK's objects. */
export function otlpProtocol(env: Environment): OtlpProtocol | undefined {
  const exporters = (env['OTEL_TRACES_EXPORTER'] ?? '').split(',').map((name) => name.trim());
  if (exporters.some((name) => name !== '' && name !== 'otlp')) return undefined;
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL']?.trim() || env['OTEL_EXPORTER_OTLP_PROTOCOL']?.trim();
  if (protocol === 'grpc' || protocol === 'http/protobuf') return protocol;
  // What is none of the standard's is left to the SDK, which says so.
  return protocol ? undefined : 'http/protobuf';
}

/** Undefined where tracing is not configured. Nothing is imported before `start`. */
export function createTracing(options: TracingOptions): Tracing | undefined {
  return isTracingConfigured(options.env) ? new LazyTracing(options) : undefined;
}

class LazyTracing implements Tracing {
  readonly sampler: Sampler;
  readonly #options: TracingOptions;
  #starting: Promise<void> | undefined;
  #sink: SpanSink | undefined;

  constructor(options: TracingOptions) {
    const { sampler, warning } = samplerFromEnv(options.env);
    if (warning !== undefined) options.logger.warn({}, warning);
    this.sampler = sampler;
    this.#options = options;
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

  async shutdown(): Promise<void> {
    await this.#starting;
    await this.#sink?.shutdown();
  }

  async #start(onLost: LostSpansListener): Promise<void> {
    try {
      this.#sink = await startSink(this.#options, onLost);
    } catch (error) {
      this.#options.logger.error({ err: error }, 'tracing did not start; requests are served without it');
    }
  }
}

async function startSink(options: TracingOptions, onLost: LostSpansListener): Promise<SpanSink> {
  const protocol = otlpProtocol(options.env);
  if (protocol === undefined) return (await import('./otel-sdk.ts')).startSdk(options);
  return await (await import('./otlp/otlp-spans.ts')).startOtlpSpans(options, protocol, onLost);
}
