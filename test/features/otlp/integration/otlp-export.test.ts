/**
 * Spans leave the process by OpenTelemetry's standard variables, over each of its protocols.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import type { Feature } from '../../../../src/kernel/feature.ts';
import { SCHEMA_URL } from '../../../../src/ledger/tracing/schema-url.ts';
import type { TraceContext } from '../../../../src/ledger/tracing/trace-context.ts';
import { FEATURES } from '../../../../src/pillion.ts';
import { VERSION } from '../../../../src/version.ts';
import { type OtlpReceiver, startGrpcReceiver, startHttpReceiver } from '../../../support/otlp-receiver.ts';
import { SemanticConventions } from '../../../support/semantic-conventions.ts';
import { CALLER_SPAN_ID, CALLER_TRACE_ID } from '../../../support/telemetry-records.ts';
import { exportSpans } from '../run-export-spans.ts';

const conventions = new SemanticConventions();

type Protocol = readonly [protocol: string, sentAs: string, start: () => Promise<OtlpReceiver>];
const ofFeature: readonly Protocol[] = [['http/json', 'application/json', startHttpReceiver]];
const protocols: readonly Protocol[] = [
  ...ofFeature.filter(() => FEATURES.features.some(({ name }: Feature) => name === 'sdk-exporters')),
  ['http/protobuf', 'application/x-protobuf', startHttpReceiver],
  ['grpc', 'grpc', startGrpcReceiver],
];

for (const [protocol, sentAs, start] of protocols) {
  it(`over ${protocol} both requests and their batch arrive before the process ends, and of what is unsampled what failed`, async (t) => {
    const receiver = await start();
    t.after(() => receiver.close());
    const { first, second, failed, log } = await exportSpans({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
    });
    assert.equal(log, '');
    assert.deepEqual([...new Set(receiver.exports)], [sentAs]);
    assert.equal(receiver.headers['x-tenant'], 'blue');
    assertTree(receiver, first!, second!);
    assertKept(receiver, failed!);
    for (const { resource } of receiver.spans) {
      assert.equal(resource['service.name'], 'pillion');
      assert.equal(resource['service.version'], VERSION);
      assert.equal(resource['deployment.environment'], 'test');
    }
    assert.deepEqual([...new Set(receiver.spans.flatMap(({ schemaUrls }) => schemaUrls))], [SCHEMA_URL]);
    for (const { attributes, resource } of receiver.spans) {
      // The test's own, which asks for a name that was before.
      const { 'deployment.environment': _, ...own } = resource;
      assert.deepEqual(
        [...Object.keys(attributes), ...Object.keys(own)].flatMap((key) => conventions.faultOf(key) ?? []),
        [],
      );
    }
  });
}

/** A server span with eight stages, its batch and the host's three under that: thirteen, by the ids of its edge. */
function assertKept({ spans }: OtlpReceiver, failed: TraceContext): void {
  const kept = spans.filter((span) => span.traceId === failed.traceId);
  assert.equal(kept.length, 13);
  assert.equal(failed.isSampled, false);
  assert.equal(kept.find((span) => span.spanId === failed.spanId)?.parentSpanId, CALLER_SPAN_ID);
  const batch = kept.find((span) => span.name === 'inference.batch');
  assert.equal(batch?.parentSpanId, failed.spanId);
  assert.deepEqual(batch?.linkedSpanIds, []);
  assert.deepEqual(kept.find((span) => span.name === 'execute')?.linkedSpanIds, [batch?.spanId]);
}

/** Two server spans with eight stages each, a batch under the first and the host's three under that: 22. */
function assertTree(receiver: OtlpReceiver, first: TraceContext, second: TraceContext): void {
  const traceIds = new Set([CALLER_TRACE_ID, second.traceId]);
  const spans = receiver.spans.filter((span) => traceIds.has(span.traceId));
  assert.equal(spans.length, 22);
  assert.equal(new Set(receiver.spans.map((span) => span.traceId)).size, 3);
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const root = byId.get(first.spanId);
  assert.equal(root?.name, 'Predict digits');
  assert.equal(root?.parentSpanId, CALLER_SPAN_ID);
  assert.equal(BigInt(root?.endTimeUnixNano ?? 0) - BigInt(root?.startTimeUnixNano ?? 0), 36_000_000n);
  assert.equal(byId.get(second.spanId)?.parentSpanId, '');
  const batch = spans.find((span) => span.name === 'inference.batch');
  assert.equal(batch?.parentSpanId, first.spanId);
  assert.deepEqual(batch?.linkedSpanIds, [second.spanId]);
  assert.equal(spans.find((span) => span.name === 'run')?.parentSpanId, batch?.spanId);
  const executes = spans.filter((span) => span.name === 'execute');
  assert.deepEqual(
    executes.map((span) => span.linkedSpanIds),
    [[batch?.spanId], [batch?.spanId]],
  );
}

describe('the standard variables', () => {
  it('name the service, the endpoint of traces alone, and the sampler', async (t) => {
    const receiver = await startHttpReceiver();
    t.after(() => receiver.close());
    await exportSpans({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.endpoint}/v1/traces`,
      OTEL_SERVICE_NAME: 'my-models',
      OTEL_TRACES_SAMPLER: 'always_on',
    });
    assert.equal(receiver.spans.length, 40);
    assert.equal(receiver.spans[0]?.resource['service.name'], 'my-models');
  });

  it('bound the spans that wait, which are lost then and told', async (t) => {
    const receiver = await startHttpReceiver();
    t.after(() => receiver.close());
    const { log } = await exportSpans({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_BSP_MAX_QUEUE_SIZE: '5',
    });
    assert.ok(receiver.spans.length >= 5 && receiver.spans.length < 35, `${receiver.spans.length}`);
    assert.match(log, /spans are lost: too many wait for the collector/);
  });

  it('that make no sense are told, and are as if they were not set', async (t) => {
    const receiver = await startHttpReceiver();
    t.after(() => receiver.close());
    const { log } = await exportSpans({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_BSP_MAX_QUEUE_SIZE: '-4',
      OTEL_NODE_RESOURCE_DETECTORS: 'env,oracle',
    });
    assert.equal(receiver.spans.length, 35);
    assert.match(log, /OTEL_BSP_MAX_QUEUE_SIZE is -4, but at least 1 is wanted/);
    assert.match(log, /there is no detector oracle/);
  });

  it('switch tracing off', async (t) => {
    const receiver = await startHttpReceiver();
    t.after(() => receiver.close());
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint };
    for (const off of [{ OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }]) {
      assert.equal((await exportSpans({ ...endpoint, ...off })).isTracing, false);
    }
    assert.deepEqual(receiver.exports, []);
  });
});

describe('a collector that is away', () => {
  it('does not keep the process, and is told in the log', async () => {
    const closed = createServer();
    await once(closed.listen(0, '127.0.0.1'), 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const { log } = await exportSpans({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    });
    assert.match(log, /"level":"warn"/);
    assert.match(log, /ECONNREFUSED|the last spans were lost/);
  });

  it('that takes the connection and never answers is waited for so long and no longer', async (t) => {
    const silent = createServer(() => undefined);
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    t.after(() => silent.close());
    const { port } = silent.address() as AddressInfo;
    const { log } = await exportSpans({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
      EXPORT_SPANS_HURRY: 'true',
    });
    assert.match(log, /did not take them within 700 ms/);
  });
});
