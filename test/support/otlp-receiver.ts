/**
 * A trace collector of the tests' own: takes OTLP over HTTP (JSON and protobuf) and over gRPC, and keeps the spans.
 */
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials, type UntypedHandleCall } from '@grpc/grpc-js';
import {
  type AnyValueMessage,
  decodeExport,
  type ExportMessage,
  type SpanMessage,
  traceService,
} from './otlp-trace-messages.ts';

/** STATUS_CODE_ERROR. */
const CODE_ERROR = 2;

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** SpanKind: 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly linkedSpanIds: readonly string[];
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** The text of an error; undefined = it has none. */
  readonly error: string | undefined;
  /** Those of its resource and its scope. */
  readonly schemaUrls: readonly string[];
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

class Received {
  readonly spans: ReceivedSpan[] = [];
  readonly exports: string[] = [];
  headers: Record<string, string> = {};

  add(how: string, request: ExportMessage, headers: Record<string, string>): void {
    this.exports.push(how);
    this.headers = headers;
    for (const { resource, scopeSpans = [], schemaUrl: ofResource = '' } of request.resourceSpans ?? []) {
      const attributes = (resource?.attributes ?? []).map(({ key, value }) => [key, value?.stringValue ?? '']);
      const facts = Object.fromEntries(attributes);
      for (const { spans = [], schemaUrl = '' } of scopeSpans) {
        for (const span of spans) this.spans.push(readSpan(span, facts, [ofResource, schemaUrl]));
      }
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
    call: { request: ExportMessage; metadata: { getMap(): Record<string, unknown> } },
    answer: (error: null, response: object) => void,
  ) => {
    received.add('grpc', call.request, ownHeaders(call.metadata.getMap()));
    answer(null, {});
  };
  server.addService(traceService, { Export: take });
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

function readSpan(
  span: SpanMessage,
  resource: Readonly<Record<string, string>>,
  schemaUrls: readonly string[],
): ReceivedSpan {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId ?? ''),
    name: span.name,
    kind: Number(span.kind),
    startTimeUnixNano: span.startTimeUnixNano,
    endTimeUnixNano: span.endTimeUnixNano,
    linkedSpanIds: (span.links ?? []).map((link) => hex(link.spanId)),
    attributes: Object.fromEntries((span.attributes ?? []).map(({ key, value }) => [key, readValue(value)])),
    error: Number(span.status?.code) === CODE_ERROR ? (span.status?.message ?? '') : undefined,
    schemaUrls,
    resource,
  };
}

function readValue({ stringValue, boolValue, intValue, doubleValue }: AnyValueMessage = {}): string | number | boolean {
  return stringValue ?? boolValue ?? (intValue === undefined ? undefined : Number(intValue)) ?? doubleValue ?? '';
}

/** JSON has ids as hex, protobuf as bytes. */
function hex(id: string | Buffer): string {
  return typeof id === 'string' ? id : id.toString('hex');
}
