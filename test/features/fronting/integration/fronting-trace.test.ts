/** One trace: caller → sidecar → application → model → batch, as a collector gets it of both. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, describe, test } from 'node:test';
import { PREDICT, predictRequest } from '../../../mesh/half-plus-two.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { type OtlpReceiver, type ReceivedSpan, startHttpReceiver } from '../../../support/otlp-receiver.ts';
import { frame, openSession, rawCall } from '../../../support/raw-grpc.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { type Infer, startTracedApp } from '../../../support/traced-app.ts';

afterEach(killSidecars);

const MODEL = '--model=half_plus_two=examples/half_plus_two/models/half_plus_two';

const id = (bytes: number): string => randomBytes(bytes).toString('hex');

const overRest =
  ({ rest }: Sidecar): Infer =>
  async (headers) => {
    const body = JSON.stringify({ instances: [1] });
    const answer = await fetch(`${rest}/v1/models/half_plus_two:predict`, { method: 'POST', headers, body });
    return await answer.text();
  };

const overGrpc =
  ({ grpc }: Sidecar): Infer =>
  async (headers) => {
    const session = openSession(grpc);
    const { grpcStatus } = await rawCall(session, PREDICT, frame(predictRequest([1])), headers);
    session.destroy();
    return String(grpcStatus);
  };

function environmentOf({ endpoint }: OtlpReceiver): Record<string, string> {
  return { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' };
}

/** The one span of the service with this name that has the parent. */
function child(spans: readonly ReceivedSpan[], service: string, name: string, parent: string): ReceivedSpan {
  const found = spans.filter((span) => span.resource['service.name'] === service && span.name === name);
  const under = found.filter(({ parentSpanId }) => parentSpanId === parent);
  assert.equal(under.length, 1, `${name} of ${service} under ${parent} among ${JSON.stringify(found)}`);
  return under[0]!;
}

describe('a request for an application that asks for an inference', { skip: !hasFeature('otlp') }, () => {
  for (const [how, inferOf, answer] of [
    ['over REST', overRest, /"predictions": ?\[2\.5\]/],
    ['over gRPC', overGrpc, /^0$/],
  ] as const) {
    test(`${how} is one trace, link by link`, async (t) => {
      const receiver = await startHttpReceiver();
      t.after(() => receiver.close());
      const app = await startTracedApp(t, receiver.endpoint);
      const sidecar = await startSidecar([MODEL, '--host=thread', `--app=${app.url}`], environmentOf(receiver));
      app.infer = inferOf(sidecar);
      const traceId = id(16);
      const caller = id(8);
      const traceparent = `00-${traceId}-${caller}-01`;
      const got = await fetch(`${sidecar.rest}/cart?secret=1`, { headers: { traceparent, tracestate: 'vendor=1' } });
      assert.match(await got.text(), answer);
      assert.equal(await sidecar.stop(), 0);

      const spans = receiver.spans.filter((span) => span.traceId === traceId);
      const server = child(spans, 'pillion', 'GET', caller);
      const client = child(spans, 'pillion', 'GET', server.spanId);
      assert.equal(app.got[0]!['traceparent'], `00-${traceId}-${client.spanId}-01`);
      assert.equal(app.got[0]!['tracestate'], 'vendor=1');
      assert.deepEqual([server.kind, client.kind], [2, 3]);
      const cart = child(spans, 'shop', 'cart', client.spanId);
      const predict = child(spans, 'pillion', 'Predict half_plus_two', cart.spanId);
      const batch = child(spans, 'pillion', 'inference.batch', predict.spanId);
      child(spans, 'pillion', 'run', batch.spanId);
      assert.deepEqual(child(spans, 'pillion', 'execute', predict.spanId).linkedSpanIds, [batch.spanId]);
      // Each within the one before, on the clock of this machine.
      const within = [server, client, cart, predict];
      for (const [i, span] of within.slice(1).entries()) {
        assert.ok(BigInt(span.startTimeUnixNano) >= BigInt(within[i]!.startTimeUnixNano) - 3_000_000n, span.name);
      }
    });
  }

  test('begins a trace where its caller has none', async (t) => {
    const receiver = await startHttpReceiver();
    t.after(() => receiver.close());
    const app = await startTracedApp(t, receiver.endpoint);
    const sidecar = await startSidecar([MODEL, `--app=${app.url}`], environmentOf(receiver));
    await (await fetch(sidecar.rest, { headers: { tracestate: 'of=nothing' } })).text();
    assert.equal(await sidecar.stop(), 0);
    const server = child(receiver.spans, 'pillion', 'GET', '');
    const client = child(receiver.spans, 'pillion', 'GET', server.spanId);
    child(receiver.spans, 'shop', 'cart', client.spanId);
    assert.equal(app.got[0]!['tracestate'], undefined);
  });

  test('is not sampled here if its caller’s trace is not', async (t) => {
    const receiver = await startHttpReceiver();
    t.after(() => receiver.close());
    const app = await startTracedApp(t, receiver.endpoint);
    const sidecar = await startSidecar([MODEL, `--app=${app.url}`], environmentOf(receiver));
    const traceId = id(16);
    await (await fetch(sidecar.rest, { headers: { traceparent: `00-${traceId}-${id(8)}-00` } })).text();
    assert.equal(await sidecar.stop(), 0);
    assert.match(String(app.got[0]!['traceparent']), new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    assert.deepEqual(receiver.spans, []);
  });

  test('passes its trace on as it came where nothing is exported', async (t) => {
    const receiver = await startHttpReceiver();
    t.after(() => receiver.close());
    const app = await startTracedApp(t, receiver.endpoint);
    const sidecar = await startSidecar([MODEL, `--app=${app.url}`], { OTEL_EXPORTER_OTLP_ENDPOINT: undefined });
    const caller = id(8);
    // Flags of a level that this server does not know.
    const traceparent = `00-${id(16)}-${caller}-03`;
    await (await fetch(sidecar.rest, { headers: { traceparent } })).text();
    assert.equal(app.got[0]!['traceparent'], traceparent);
    assert.deepEqual(
      receiver.spans.map(({ name, parentSpanId }) => [name, parentSpanId]),
      [['cart', caller]],
    );
    assert.equal(await sidecar.stop(), 0);
  });
});
