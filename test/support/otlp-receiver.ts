/**
 * A trace collector of the tests' own: takes OTLP over HTTP (JSON and protobuf) and over gRPC, and keeps the spans.
 *
 * The messages are described here as far as the tests look at them; field numbers are those of
 * opentelemetry/proto/trace/v1/trace.proto. Fields left out are skipped by the decoder.
 */
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedHandleCall } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly linkedSpanIds: readonly string[];
  /** String attributes of the resource: `service.name` and its kin. */
  readonly resource: Readonly<Record<string, string>>;
}

export interface OtlpReceiver {
  /** `http://127.0.0.1:port`. */
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** Content types (or 'grpc') of the exports, in order. */
  readonly exports: readonly string[];
  /** `x-` headers or metadata of the last export. */
  readonly headers: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

interface KeyValue {
  readonly key: string;
  readonly value?: { readonly stringValue?: string };
}
interface ExportRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly RawSpan[] }[];
  }[];
}
interface RawSpan {
  readonly traceId: string | Buffer;
  readonly spanId: string | Buffer;
  readonly parentSpanId?: string | Buffer;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly links?: readonly { readonly spanId: string | Buffer }[];
}

const field = (type: string, id: number) => ({ type, id });
const list = (type: string, id: number) => ({ rule: 'repeated' as const, type, id });

const SERVICE = 'opentelemetry.proto.collector.trace.v1.TraceService';
const DESCRIPTION = {
  nested: {
    opentelemetry: {
      nested: { proto: { nested: { collector: { nested: { trace: { nested: { v1: traceService() } } } } } } },
    },
  },
};

function traceService() {
  return {
    nested: {
      TraceService: {
        methods: { Export: { requestType: 'ExportRequest', responseType: 'ExportResponse', comment: '' } },
      },
      ExportRequest: { fields: { resourceSpans: list('ResourceSpans', 1) } },
      ExportResponse: { fields: {} },
      ResourceSpans: { fields: { resource: field('Resource', 1), scopeSpans: list('ScopeSpans', 2) } },
      Resource: { fields: { attributes: list('KeyValue', 1) } },
      KeyValue: { fields: { key: field('string', 1), value: field('AnyValue', 2) } },
      AnyValue: { fields: { stringValue: field('string', 1) } },
      ScopeSpans: { fields: { spans: list('Span', 2) } },
      Span: {
        fields: {
          traceId: field('bytes', 1),
          spanId: field('bytes', 2),
          parentSpanId: field('bytes', 4),
          name: field('string', 5),
          startTimeUnixNano: field('fixed64', 7),
          endTimeUnixNano: field('fixed64', 8),
          links: list('Link', 13),
        },
      },
      Link: { fields: { spanId: field('bytes', 2) } },
    },
  };
}

const service = fromJSON(DESCRIPTION, { longs: String, defaults: true })[SERVICE] as ServiceDefinition;
const decodeExport = service['Export']!.requestDeserialize as (bytes: Buffer) => ExportRequest;

class Received {
  readonly spans: ReceivedSpan[] = [];
  readonly exports: string[] = [];
  headers: Record<string, string> = {};

  add(how: string, request: ExportRequest, headers: Record<string, string>): void {
    this.exports.push(how);
    this.headers = headers;
    for (const { resource, scopeSpans = [] } of request.resourceSpans ?? []) {
      const attributes = (resource?.attributes ?? []).map(({ key, value }) => [key, value?.stringValue ?? '']);
      const facts = Object.fromEntries(attributes);
      for (const { spans = [] } of scopeSpans) for (const span of spans) this.spans.push(readSpan(span, facts));
    }
  }
}

/** Takes OTLP over HTTP at /v1/traces. */
export async function startHttpReceiver(): Promise<OtlpReceiver> {
  const received = new Received();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const type = request.headers['content-type'] ?? '';
    if (request.method !== 'POST' || request.url !== '/v1/traces') {
      response.writeHead(404).end();
      return;
    }
    const message = type === 'application/json' ? JSON.parse(body.toString('utf8')) : decodeExport(body);
    received.add(type, message, ownHeaders(request.headers));
    response.writeHead(200, { 'content-type': type }).end(type === 'application/json' ? '{}' : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return receiver((server.address() as AddressInfo).port, received, close);
}

/** Takes OTLP over gRPC. */
export async function startGrpcReceiver(): Promise<OtlpReceiver> {
  const received = new Received();
  const server = new Server();
  const take: UntypedHandleCall = (
    call: { request: ExportRequest; metadata: { getMap(): Record<string, unknown> } },
    answer: (error: null, response: object) => void,
  ) => {
    received.add('grpc', call.request, ownHeaders(call.metadata.getMap()));
    answer(null, {});
  };
  server.addService(service, { Export: take });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return receiver(port, received, async () => server.forceShutdown());
}

function receiver(port: number, received: Received, close: () => Promise<void>): OtlpReceiver {
  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans: received.spans,
    exports: received.exports,
    get headers() {
      return received.headers;
    },
    close,
  };
}

function ownHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const own = Object.entries(headers).filter(([name]) => name.startsWith('x-'));
  return Object.fromEntries(own.map(([name, value]) => [name, String(value)]));
}

function readSpan(span: RawSpan, resource: Readonly<Record<string, string>>): ReceivedSpan {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId ?? ''),
    name: span.name,
    startTimeUnixNano: span.startTimeUnixNano,
    endTimeUnixNano: span.endTimeUnixNano,
    linkedSpanIds: (span.links ?? []).map((link) => hex(link.spanId)),
    resource,
  };
}

/** JSON has ids as hex, protobuf as bytes. */
function hex(id: string | Buffer): string {
  return typeof id === 'string' ? id : id.toString('hex');
}
