/**
 * Sends OTLP's bytes with the SDK's own transports. Endpoint, headers, TLS, compression, time limit and retries come
 * from the OTEL_EXPORTER_OTLP_* variables, which the SDK reads from the process's environment.
 */
import { ExportResultCode } from '@opentelemetry/core';
import type { IOtlpExportDelegate } from '@opentelemetry/otlp-exporter-base';
import {
  type IExporterMetricsHelper,
  type IExportTraceServiceResponse,
  type ISerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import type { EncodedSpans } from './span-queue.ts';
import type { OtlpProtocol } from './tracing-options.ts';

export interface OtlpTransport {
  /** Rejects with the reason if the collector did not take them. */
  send(spans: EncodedSpans): Promise<void>;
  shutdown(): Promise<void>;
}

/** The bytes are serialized already. */
const serializer: ISerializer<EncodedSpans, IExportTraceServiceResponse> = {
  serializeRequest: ({ bytes }) => bytes,
  deserializeResponse: (bytes) => ProtobufTraceSerializer.deserializeResponse(bytes),
};

const metricsHelper: IExporterMetricsHelper<EncodedSpans> = {
  name: 'span',
  countItems: ({ count }) => count,
};

/** Rejects with the SDK's error if its variables are invalid. */
export async function createOtlpTransport(protocol: OtlpProtocol): Promise<OtlpTransport> {
  const delegate = protocol === 'grpc' ? await grpcDelegate() : await httpDelegate();
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

async function httpDelegate(): Promise<IOtlpExportDelegate<EncodedSpans>> {
  const { convertLegacyHttpOptions, createOtlpHttpExportDelegate } = await import(
    '@opentelemetry/otlp-exporter-base/node-http'
  );
  const required = { 'Content-Type': 'application/x-protobuf' };
  const options = convertLegacyHttpOptions({}, 'TRACES', 'v1/traces', required);
  return createOtlpHttpExportDelegate(options, serializer, 'otlp_http_span_exporter', metricsHelper, undefined);
}

async function grpcDelegate(): Promise<IOtlpExportDelegate<EncodedSpans>> {
  const { convertLegacyOtlpGrpcOptions, createOtlpGrpcExportDelegate } = await import(
    '@opentelemetry/otlp-grpc-exporter-base'
  );
  const options = convertLegacyOtlpGrpcOptions({}, 'TRACES');
  const method = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
  const kind = 'otlp_grpc_span_exporter';
  return createOtlpGrpcExportDelegate(
    options,
    serializer,
    kind,
    metricsHelper,
    undefined,
    'TraceExportService',
    method,
  );
}
