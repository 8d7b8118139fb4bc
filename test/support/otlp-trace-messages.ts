/**
 * OTLP's messages of traces, described here from opentelemetry/proto/{collector/trace,trace,resource,common}/v1: what
 * the tests' collector takes, and what bytes of ours are read back with.
 */
import type { Buffer } from 'node:buffer';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

export interface AnyValueMessage {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly AnyValueMessage[] };
}
export interface KeyValueMessage {
  readonly key: string;
  readonly value?: AnyValueMessage;
}
export interface LinkMessage {
  readonly traceId: string | Buffer;
  readonly spanId: string | Buffer;
  readonly traceState?: string;
  readonly flags?: number;
}
export interface EventMessage {
  readonly timeUnixNano: string;
  readonly name: string;
  readonly attributes?: readonly KeyValueMessage[];
  readonly droppedAttributesCount?: number;
}
export interface SpanMessage {
  readonly traceId: string | Buffer;
  readonly spanId: string | Buffer;
  readonly traceState?: string;
  readonly parentSpanId?: string | Buffer;
  readonly flags?: number;
  readonly name: string;
  readonly kind?: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly KeyValueMessage[];
  readonly droppedAttributesCount?: number;
  readonly events?: readonly EventMessage[];
  readonly droppedEventsCount?: number;
  readonly links?: readonly LinkMessage[];
  readonly droppedLinksCount?: number;
  readonly status?: { readonly message?: string; readonly code?: number } | null;
}
export interface ScopeSpansMessage {
  readonly scope?: { readonly name: string; readonly version: string };
  readonly spans?: readonly SpanMessage[];
  readonly schemaUrl?: string;
}
/** An ExportTraceServiceRequest. Bytes where it was protobuf, hex where it was JSON. */
export interface ExportMessage {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValueMessage[] };
    readonly scopeSpans?: readonly ScopeSpansMessage[];
    readonly schemaUrl?: string;
  }[];
}

const SERVICE = 'opentelemetry.proto.collector.trace.v1.TraceService';

export const one = (type: string, id: number) => ({ type, id });
export const list = (type: string, id: number) => ({ rule: 'repeated' as const, type, id });

/** The messages of every signal. */
const common = {
  ExportResponse: { fields: {} },
  Resource: { fields: { attributes: list('KeyValue', 1) } },
  KeyValue: { fields: { key: one('string', 1), value: one('AnyValue', 2) } },
  AnyValue: {
    oneofs: { value: { oneof: ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue'] } },
    fields: {
      stringValue: one('string', 1),
      boolValue: one('bool', 2),
      intValue: one('int64', 3),
      doubleValue: one('double', 4),
      arrayValue: one('ArrayValue', 5),
    },
  },
  ArrayValue: { fields: { values: list('AnyValue', 1) } },
  Scope: { fields: { name: one('string', 1), version: one('string', 2) } },
};

const messages = {
  ExportRequest: { fields: { resourceSpans: list('ResourceSpans', 1) } },
  ResourceSpans: {
    fields: { resource: one('Resource', 1), scopeSpans: list('ScopeSpans', 2), schemaUrl: one('string', 3) },
  },
  ScopeSpans: { fields: { scope: one('Scope', 1), spans: list('Span', 2), schemaUrl: one('string', 3) } },
  Span: {
    fields: {
      traceId: one('bytes', 1),
      spanId: one('bytes', 2),
      traceState: one('string', 3),
      parentSpanId: one('bytes', 4),
      name: one('string', 5),
      kind: one('int32', 6),
      startTimeUnixNano: one('fixed64', 7),
      endTimeUnixNano: one('fixed64', 8),
      attributes: list('KeyValue', 9),
      droppedAttributesCount: one('uint32', 10),
      events: list('Event', 11),
      droppedEventsCount: one('uint32', 12),
      links: list('Link', 13),
      droppedLinksCount: one('uint32', 14),
      status: one('Status', 15),
      flags: one('fixed32', 16),
    },
  },
  Event: {
    fields: {
      timeUnixNano: one('fixed64', 1),
      name: one('string', 2),
      attributes: list('KeyValue', 3),
      droppedAttributesCount: one('uint32', 4),
    },
  },
  Link: {
    fields: {
      traceId: one('bytes', 1),
      spanId: one('bytes', 2),
      traceState: one('string', 3),
      attributes: list('KeyValue', 4),
      droppedAttributesCount: one('uint32', 5),
      flags: one('fixed32', 6),
    },
  },
  Status: { fields: { message: one('string', 2), code: one('int32', 3) } },
};

/** A service with the method Export, by its full name; `messages` has ExportRequest. */
export function exportService(service: string, messages: object): ServiceDefinition {
  const path = service.split('.');
  const name = path.at(-1)!;
  const methods = { Export: { requestType: 'ExportRequest', responseType: 'ExportResponse', comment: '' } };
  const nested = { [name]: { methods }, ...common, ...messages };
  const description = path
    .slice(0, -1)
    .reverse()
    .reduce<object>((inner, name) => ({ nested: { [name]: inner } }), { nested });
  return fromJSON(description, { longs: String, defaults: true, oneofs: true })[service] as ServiceDefinition;
}

/** TraceService, for a gRPC server. */
export const traceService = exportService(SERVICE, messages);

/** Throws where the bytes are no such message. */
export const decodeExport = traceService['Export']!.requestDeserialize as (bytes: Buffer) => ExportMessage;
