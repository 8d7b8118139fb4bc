/** One trace in each format that OTEL_PROPAGATORS names, through every surface: the application is one of OpenTelemetry's. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, describe, test } from 'node:test';
import { defaultTextMapSetter, ROOT_CONTEXT, type TextMapPropagator, trace } from '@opentelemetry/api';
import { AWSXRayPropagator } from '@opentelemetry/propagator-aws-xray';
import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3';
import { JaegerPropagator } from '@opentelemetry/propagator-jaeger';
import { FREE_PORTS } from '../../../../bench/support/launcher.ts';
import { PREDICT, predictRequest } from '../../../mesh/half-plus-two.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { type OtlpReceiver, type ReceivedSpan, startHttpReceiver } from '../../../support/otlp-receiver.ts';
import { frame, openSession, rawCall } from '../../../support/raw-grpc.ts';
import { remoteModel } from '../../../support/remote-models.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { type Infer, startTracedApp } from '../../../support/traced-app.ts';

afterEach(killSidecars);

const BASE_PATH = 'examples/half_plus_two/models/half_plus_two';
const MODEL = `--model=half_plus_two=${BASE_PATH}`;

const PROPAGATORS: Readonly<Record<string, TextMapPropagator>> = {
  b3: new B3Propagator(),
  b3multi: new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
  jaeger: new JaegerPropagator(),
  xray: new AWSXRayPropagator(),
};

const id = (bytes: number): string => randomBytes(bytes).toString('hex');

const post = async (url: string, body: unknown, headers: Readonly<Record<string, string>>): Promise<string> =>
  await (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).text();

const SURFACES: readonly (readonly [surface: string, infer: (sidecar: Sidecar) => Infer, span: string])[] = [
  [
    'REST',
    ({ rest }) =>
      (headers) =>
        post(`${rest}/v1/models/half_plus_two:predict`, { instances: [1] }, headers),
    'Predict half_plus_two',
  ],
  [
    'gRPC',
    ({ grpc }) =>
      async (headers) => {
        const session = openSession(grpc);
        const { grpcStatus } = await rawCall(session, PREDICT, frame(predictRequest([1])), headers);
        session.destroy();
        return String(grpcStatus);
      },
    'Predict half_plus_two',
  ],
  [
    'V2',
    ({ rest }) =>
      (headers) => {
        const inputs = [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }];
        return post(`${rest}/v2/models/half_plus_two/infer`, { inputs }, headers);
      },
    'ModelInfer half_plus_two',
  ],
];

function environmentOf({ endpoint }: OtlpReceiver, propagators: string): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_PROPAGATORS: propagators,
  };
}

async function receiverOf(t: { after(end: () => unknown): void }): Promise<OtlpReceiver> {
  const receiver = await startHttpReceiver();
  t.after(() => receiver.close());
  return receiver;
}

/** The one span of this name under the parent. */
function child(spans: readonly ReceivedSpan[], name: string, parent: string): ReceivedSpan {
  const under = spans.filter((span) => span.name === name && span.parentSpanId === parent);
  assert.equal(under.length, 1, `${name} under ${parent} among ${JSON.stringify(spans)}`);
  return under[0]!;
}

describe('one trace from the caller through the application to the run', { skip: !hasFeature('otlp') }, () => {
  for (const [name, propagator] of Object.entries(PROPAGATORS)) {
    test(name, { skip: !hasFeature('fronting') || !hasFeature('open-inference') }, async (t) => {
      const receiver = await receiverOf(t);
      const app = await startTracedApp(t, receiver.endpoint, propagator);
      const args = [MODEL, '--host=thread', `--app=${app.url}`];
      const sidecar = await startSidecar(args, environmentOf(receiver, name));
      const callers: string[] = [];
      for (const [, inferOf] of SURFACES) {
        app.infer = inferOf(sidecar);
        const caller = { traceId: id(16), spanId: id(8), traceFlags: 1 };
        callers.push(caller.spanId);
        const headers: Record<string, string> = {};
        propagator.inject(trace.setSpanContext(ROOT_CONTEXT, caller), headers, defaultTextMapSetter);
        assert.equal((await fetch(`${sidecar.rest}/cart`, { headers })).status, 200);
      }
      assert.equal(await sidecar.stop(), 0);
      for (const [i, [, , predict]] of SURFACES.entries()) {
        const server = child(receiver.spans, 'GET', callers[i]!);
        const sent = child(receiver.spans, 'GET', server.spanId);
        const cart = child(receiver.spans, 'cart', sent.spanId);
        const model = child(receiver.spans, predict, cart.spanId);
        const batch = child(receiver.spans, 'inference.batch', model.spanId);
        assert.equal(new Set([server, sent, cart, model, batch].map(({ traceId }) => traceId)).size, 1);
        assert.equal(app.got[i]!['traceparent'], undefined);
      }
    });
  }

  test('to the server of a remote model', { skip: !hasFeature('remote') }, async (t) => {
    const receiver = await receiverOf(t);
    const environment = environmentOf(receiver, 'b3,datadog');
    const far = await startSidecar([MODEL], environment);
    const base = remoteModel(t, `address: ${far.grpc}\nmodel: half_plus_two\n`);
    const near = await startSidecar([`--model=near=${base}`], environment);
    const low = id(8).replace(/^./, '1');
    const headers = { b3: `${low}-${id(8)}-1`, 'x-datadog-trace-id': '0', 'x-datadog-parent-id': 'x' };
    assert.match(await post(`${near.rest}/v1/models/near:predict`, { instances: [1] }, headers), /2\.5/);
    assert.equal(await near.stop(), 0);
    assert.equal(await far.stop(), 0);
    const spans = receiver.spans.filter(({ traceId }) => traceId === low.padStart(32, '0'));
    const batch = child(spans, 'inference.batch', child(spans, 'Predict near', headers.b3.split('-')[1]!).spanId);
    child(spans, 'Predict half_plus_two', batch.spanId);
  });

  test('Datadog’s headers reach the application with this server’s span', async (t) => {
    const receiver = await receiverOf(t);
    const app = await startTracedApp(t, receiver.endpoint);
    const sidecar = await startSidecar([MODEL, `--app=${app.url}`], environmentOf(receiver, 'datadog'));
    const sent = {
      'x-datadog-trace-id': '12379813738877118072',
      'x-datadog-parent-id': '11641539',
      'x-datadog-sampling-priority': '2',
      'x-datadog-tags': '_dd.p.dm=-4,_dd.p.tid=640cfd8d00000000',
    };
    assert.equal((await fetch(sidecar.rest, { headers: sent })).status, 200);
    assert.equal(await sidecar.stop(), 0);
    const server = child(receiver.spans, 'GET', 11_641_539n.toString(16).padStart(16, '0'));
    const { spanId } = child(receiver.spans, 'GET', server.spanId);
    assert.equal(server.traceId, `640cfd8d00000000${12_379_813_738_877_118_072n.toString(16)}`);
    const got = app.got[0]!;
    assert.deepEqual(
      Object.keys(sent).map((name) => got[name]),
      [sent['x-datadog-trace-id'], BigInt(`0x${spanId}`).toString(), '2', '_dd.p.tid=640cfd8d00000000,_dd.p.dm=-4'],
    );
  });

  test('none of a request whose b3 is 0, and of no other format', async (t) => {
    const receiver = await receiverOf(t);
    const app = await startTracedApp(t, receiver.endpoint, PROPAGATORS['b3']);
    const args = [MODEL, `--app=${app.url}`, '--tail_keep_per_second=0'];
    const sidecar = await startSidecar(args, environmentOf(receiver, 'b3'));
    for (const [, inferOf] of SURFACES.slice(0, 2)) await inferOf(sidecar)({ b3: '0' });
    await fetch(sidecar.rest, { headers: { b3: '0', x_b3_sampled: '1', traceparent: `00-${id(16)}-${id(8)}-01` } });
    assert.equal(await sidecar.stop(), 0);
    assert.deepEqual(receiver.spans, []);
    const got = app.got[0]!;
    assert.match(String(got['b3']), /^[0-9a-f]{32}-[0-9a-f]{16}-0$/);
    // It is not named, so it is any header.
    assert.match(String(got['traceparent']), /-01$/);
    assert.equal(got['x_b3_sampled'], undefined);
  });
});

describe('where nothing is exported', { skip: !hasFeature('fronting') }, () => {
  test('headers go on as they came; those that are malformed do not', async (t) => {
    const app = await startTracedApp(t, (await receiverOf(t)).endpoint);
    const sidecar = await startSidecar([MODEL, `--app=${app.url}`], {
      OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
      OTEL_PROPAGATORS: 'tracecontext,b3',
    });
    const good = { b3: `${id(16)}-${id(8)}`, traceparent: `00-${id(16)}-${id(8)}-ff`, 'x-b3-flags': '0' };
    const names = Object.keys(good);
    const echoed = async (headers: Readonly<Record<string, string>>): Promise<unknown> => {
      assert.equal((await fetch(sidecar.rest, { headers })).status, 200);
      const got = app.got.at(-1)!;
      return Object.fromEntries(names.filter((name) => name in got).map((name) => [name, got[name]]));
    };
    assert.deepEqual(await echoed(good), good);
    assert.deepEqual(await echoed({ b3: '0' }), { b3: '0' });
    assert.deepEqual(await echoed({ b3: 'nonsense', traceparent: 'nonsense' }), {});
    assert.equal(await sidecar.stop(), 0);
  });
});

test('a name that nobody knows ends the start', async () => {
  const pillion = runPillion(['serve', MODEL, ...FREE_PORTS], { OTEL_PROPAGATORS: 'tracecontext,b4' });
  assert.notEqual(await pillion.exited, 0);
  assert.match(
    pillion.output(),
    /OTEL_PROPAGATORS: "b4" is not known; known are tracecontext, b3, b3multi, jaeger, xray, datadog/,
  );
});
