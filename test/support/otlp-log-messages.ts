/** OTLP's messages of logs, described here from opentelemetry/proto/{collector/logs,logs}/v1. */
import type { Buffer } from 'node:buffer';
import { exportService, type KeyValueMessage, list, one } from './otlp-trace-messages.ts';

export interface LogRecordMessage {
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: { readonly stringValue?: string };
  readonly attributes: readonly KeyValueMessage[];
  readonly flags: number;
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly eventName: string;
}

/** An ExportLogsServiceRequest. */
export interface LogsExportMessage {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: readonly KeyValueMessage[] };
    readonly scopeLogs: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly logRecords: readonly LogRecordMessage[];
    }[];
  }[];
}

const messages = {
  ExportRequest: { fields: { resourceLogs: list('ResourceLogs', 1) } },
  ResourceLogs: { fields: { resource: one('Resource', 1), scopeLogs: list('ScopeLogs', 2) } },
  ScopeLogs: { fields: { scope: one('Scope', 1), logRecords: list('LogRecord', 2) } },
  LogRecord: {
    fields: {
      timeUnixNano: one('fixed64', 1),
      severityNumber: one('int32', 2),
      severityText: one('string', 3),
      body: one('AnyValue', 5),
      attributes: list('KeyValue', 6),
      droppedAttributesCount: one('uint32', 7),
      flags: one('fixed32', 8),
      traceId: one('bytes', 9),
      spanId: one('bytes', 10),
      observedTimeUnixNano: one('fixed64', 11),
      eventName: one('string', 12),
    },
  },
};

/** LogsService, for a gRPC server. */
export const logsService = exportService('opentelemetry.proto.collector.logs.v1.LogsService', messages);

/** Throws where the bytes are no such message. */
export const decodeLogs = logsService['Export']!.requestDeserialize as (bytes: Buffer) => LogsExportMessage;
