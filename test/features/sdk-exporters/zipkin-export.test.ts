/** What goes to a Zipkin is what it takes: it reads times as whole numbers, and refuses a request with any other. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { test } from 'node:test';
import { exportSpans } from '../otlp/run-export-spans.ts';

interface ZipkinSpan {
  readonly traceId: string;
  readonly timestamp: number;
  readonly duration: number;
  readonly annotations?: readonly { readonly timestamp: number }[];
}

test('all times of spans for Zipkin are whole microseconds', async (t) => {
  const spans: ZipkinSpan[] = [];
  const server = createServer(async (request, response) => {
    spans.push(...((await json(request)) as ZipkinSpan[]));
    response.writeHead(202).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v2/spans`;
  const { first, second, failed } = await exportSpans({
    OTEL_TRACES_EXPORTER: 'zipkin',
    OTEL_EXPORTER_ZIPKIN_ENDPOINT: endpoint,
  });
  const traces = new Set([first, second, failed].map((trace) => trace!.traceId));
  assert.deepEqual(new Set(spans.map(({ traceId }) => traceId)), traces);
  const times = spans.flatMap(({ timestamp, duration, annotations = [] }) => [
    ...[timestamp, duration],
    ...annotations.map((annotation) => annotation.timestamp),
  ]);
  assert.deepEqual(
    times.filter((time) => !Number.isSafeInteger(time)),
    [],
  );
});
