/**
 * Sends OTLP's bytes with the SDK's own transports. Endpoint, headers, TLS, compression, time limit and retries come
 * from the OTEL_EXPORTER_OTLP_* variables, which the SDK reads from the process's environment.
 */
import { ExportResultCode } from '@opentelemetry/core';
import type { IOtlpExportDelegate } from '@opentelemetry/otlp-exporter-base';
import {
  type IExporterMetricsHelper,
  type ISerializer,
  ProtobufLogsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import type { EncodedSpans } from './span-queue.ts';
import type { OtlpProtocol } from './tracing-options.ts';

export interface OtlpTransport {
  /** Rejects with the reason if the collector did not take them. */
  send(spans: EncodedSpans): Promise<void>;
  shutdown(): Promise<void>;
}

/** The kind of things that are sent: where they go, and how the collector's answer is read. */
export interface OtlpSignal {
  /** The word for it in the names of its variables. */
  readonly name: 'TRACES' | 'LOGS';
  readonly path: string;
  readonly service: string;
  readonly method: string;
  readonly item: 'span' | 'log';
  readonly readAnswer: (bytes: Uint8Array) => object;
}

export const TRACES: OtlpSignal = {
  name: 'TRACES',
  path: 'v1/traces',
  service: 'TraceExportService',
  method: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  item: 'span',
  readAnswer: (bytes) => ProtobufTraceSerializer.deserializeResponse(bytes),
};

export const LOGS: OtlpSignal = {
  name: 'LOGS',
  path: 'v1/logs',
  service: 'LogsExportService',
  method: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  item: 'log',
  readAnswer: (bytes) => ProtobufLogsSerializer.deserializeResponse(bytes),
};

/** The bytes are serialized already. */
function serializerOf({ readAnswer }: OtlpSignal): ISerializer<EncodedSpans, object> {
  return { serializeRequest: ({ bytes }) => bytes, deserializeResponse: readAnswer };
}

function metricsHelperOf({ item }: OtlpSignal): IExporterMetricsHelper<EncodedSpans> {
  return { name: item, countItems: ({ count }) => count };
}

/** Rejects with the SDK's error if its variables are invalid. */
export async function createOtlpTransport(signal: OtlpSignal, protocol: OtlpProtocol): Promise<OtlpTransport> {
  const delegate = protocol === 'grpc' ? await grpcDelegate(signal) : await httpDelegate(signal);
  return {
    send: (spans) =>
      new Promise((resolve, reject) => {
        delegate.export(spans, ({ code, error }) => {
          if (code === ExportResultCode.SUCCESS) resolve();
          else reject(error ?? new Error('the collector did not take them'));
        });
      }),
    shutdown: () => delegate.shutdown(),
  };
}

async function httpDelegate(signal: OtlpSignal): Promise<IOtlpExportDelegate<EncodedSpans>> {
  const { convertLegacyHttpOptions, createOtlpHttpExportDelegate } = await import(
    '@opentelemetry/otlp-exporter-base/node-http'
  );
  const required = { 'Content-Type': 'application/x-protobuf' };
  const options = convertLegacyHttpOptions({}, signal.name, signal.path, required);
  const kind = `otlp_http_${signal.item}_exporter` as const;
  return createOtlpHttpExportDelegate(options, serializerOf(signal), kind, metricsHelperOf(signal), undefined);
}

async function grpcDelegate(signal: OtlpSignal): Promise<IOtlpExportDelegate<EncodedSpans>> {
  const { convertLegacyOtlpGrpcOptions, createOtlpGrpcExportDelegate } = await import(
    '@opentelemetry/otlp-grpc-exporter-base'
  );
  const options = convertLegacyOtlpGrpcOptions({}, signal.name);
  return createOtlpGrpcExportDelegate(
    options,
    serializerOf(signal),
    `otlp_grpc_${signal.item}_exporter`,
    metricsHelperOf(signal),
    undefined,
    signal.service,
    signal.method,
  );
}
