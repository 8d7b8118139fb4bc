/**
 * An application behind a sidecar that makes spans of its own with OpenTelemetry's SDK: each request is a span under
 * the one that its headers name, and asks the sidecar for an inference on that span's behalf.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import {
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

/** Asks for an inference with these headers; resolves with the answer's text. */
export type Infer = (traceHeaders: Readonly<Record<string, string>>) => Promise<string>;

export interface TracedApp {
  readonly url: string;
  /** Its work within a request; the test sets it. */
  infer: Infer;
  /** Headers of the requests that came. */
  readonly got: readonly IncomingHttpHeaders[];
  /** Contexts of its spans. */
  readonly spans: readonly SpanContext[];
}

/** `collector`: where its spans go, as OTLP over HTTP. `propagator`: how its requests name a trace. */
export async function startTracedApp(
  t: TestContext,
  collector: string,
  propagator: TextMapPropagator = new W3CTraceContextPropagator(),
): Promise<TracedApp> {
  const exporting: Promise<unknown>[] = [];
  const exportSpans = (spans: ReadableSpan[], done: (result: { code: number }) => void): void => {
    const body = ProtobufTraceSerializer.serializeRequest(spans)!;
    const headers = { 'content-type': 'application/x-protobuf' };
    exporting.push(fetch(`${collector}/v1/traces`, { method: 'POST', headers, body: Buffer.from(body) }));
    done({ code: 0 });
  };
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop' }),
    spanProcessors: [new SimpleSpanProcessor({ export: exportSpans, shutdown: () => Promise.resolve() })],
  });
  const tracer = provider.getTracer('shop');
  const app = {
    infer: (() => Promise.resolve('')) as Infer,
    got: [] as IncomingHttpHeaders[],
    spans: [] as SpanContext[],
  };
  const server = createServer(async (request, response) => {
    app.got.push(request.headers);
    const caller = propagator.extract(ROOT_CONTEXT, request.headers, defaultTextMapGetter);
    const span = tracer.startSpan('cart', {}, caller);
    app.spans.push(span.spanContext());
    const headers: Record<string, string> = {};
    propagator.inject(trace.setSpan(caller, span), headers, defaultTextMapSetter);
    const answer = await app.infer(headers);
    span.end();
    await Promise.all(exporting);
    response.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(app, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}
