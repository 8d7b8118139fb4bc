/** One request's trace as Jaeger has it: Envoy's span, ours under it, the stages, the batch and the host's work in it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, test } from 'node:test';
import { status as Status } from '@grpc/grpc-js';
import { STAGES } from '../../src/ledger/stage-clock.ts';
import { startEnvoy } from '../mesh/envoy.ts';
import { ENVOY_SERVICE } from '../mesh/envoy-config.ts';
import { PREDICT, predictRequest, restAddress, startHalfPlusTwo } from '../mesh/half-plus-two.ts';
import { frame, openSession, rawCall } from '../support/raw-grpc.ts';
import { killSidecars, type Sidecar } from '../support/sidecar.ts';
import { type Jaeger, type JaegerSpan, startJaeger } from './jaeger.ts';

afterEach(killSidecars);

const SERVICE = 'pillion';
const BATCH = 'inference.batch';
const ROWS = 2;
/** Longer than any test: a batch runs when it is full. */
const PATIENCE_MICROS = 1_000_000_000;

const id = (bytes: number): string => randomBytes(bytes).toString('hex');
const traceparent = (traceId: string): string => `00-${traceId}-${id(8)}-01`;

/** One that waits for two requests of ROWS rows, runs them in a thread, and sends every span to Jaeger. */
function startTraced(jaeger: Jaeger): Promise<Sidecar> {
  const batching = [`--max_batch_size=${2 * ROWS}`, `--batch_timeout_micros=${PATIENCE_MICROS}`];
  return startHalfPlusTwo([...batching, '--host=thread'], {
    OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlpHttp,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
}

const ofUs = (spans: readonly JaegerSpan[], name: string): readonly JaegerSpan[] =>
  spans.filter((span) => span.service === SERVICE && span.name === name);

/** Is all there that one request makes, but for the batch, which is in one member's trace? */
function hasStages(spans: readonly JaegerSpan[]): boolean {
  const isThere = STAGES.every((name) => ofUs(spans, name).length === 1);
  return isThere && spans.some(({ service }) => service === ENVOY_SERVICE);
}

const hasBatch = (spans: readonly JaegerSpan[]): boolean => ofUs(spans, BATCH).length === 1;

/** Our server span, whose parent is a span of Envoy's, and every stage right under it. */
function assertRequest(spans: readonly JaegerSpan[]): JaegerSpan {
  const [server, ...others] = ofUs(spans, 'Predict half_plus_two');
  assert.ok(server !== undefined && others.length === 0, JSON.stringify(spans));
  const parent = spans.find((span) => span.id === server.parent);
  assert.equal(parent?.service, ENVOY_SERVICE, "Envoy's span is the parent of ours");
  for (const stage of STAGES) assert.equal(ofUs(spans, stage)[0]!.parent, server.id, stage);
  return server;
}

test('two requests through Envoy share a batch, and Jaeger has the tree of each', async (t) => {
  const jaeger = await startJaeger(t);
  const sidecar = await startTraced(jaeger);
  const behind = { grpc: [sidecar.grpc], rest: [restAddress(sidecar)] };
  const envoy = await startEnvoy(t, { ...behind, spansTo: jaeger.otlpGrpc });
  const traceIds = [id(16), id(16)] as const;
  const session = openSession(envoy.address);
  t.after(() => session.destroy());
  const [overGrpc, overRest] = await Promise.all([
    rawCall(session, PREDICT, frame(predictRequest([1, 2])), { traceparent: traceparent(traceIds[0]) }),
    fetch(`http://${envoy.address}/v1/models/half_plus_two:predict`, {
      method: 'POST',
      headers: { traceparent: traceparent(traceIds[1]) },
      body: JSON.stringify({ instances: [3, 4] }),
    }),
  ]);
  assert.equal(overGrpc.grpcStatus, Status.OK);
  assert.deepEqual(await overRest.json(), { predictions: [3.5, 4] });

  const traces = await Promise.all(traceIds.map((traceId) => jaeger.trace(traceId, hasStages)));
  const servers = traces.map(assertRequest);
  // The batch's span is in the trace of its first member, whichever came first.
  const owner = await Promise.any(traceIds.map((traceId) => jaeger.trace(traceId, hasBatch)));
  const [batch] = ofUs(owner, BATCH);
  assert.deepEqual(
    [batch!.parent, ...batch!.links.map(({ spanId }) => spanId)].sort(),
    servers.map(({ id: spanId }) => spanId).sort(),
    'the batch is the child of one member, and linked to each other',
  );
  for (const spans of traces) {
    const [execute] = ofUs(spans, 'execute');
    assert.deepEqual(execute!.links, [{ traceId: batch!.traceId, spanId: batch!.id }], 'and each member to the batch');
  }
  for (const name of ['copy-in', 'run', 'copy-out']) {
    assert.deepEqual(
      ofUs(owner, name).map(({ parent }) => parent),
      [batch!.id],
      `${name} of the host is under the batch`,
    );
  }
  assert.equal(await sidecar.stop(), 0);
});
