/** Names in the spans of a real server: of methods, routes and peers, held against OpenTelemetry's package of names. */
import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { PREDICT, predictRequest } from '../../../mesh/half-plus-two.ts';
import { type ReceivedSpan, startHttpReceiver } from '../../../support/otlp-receiver.ts';
import { frame, openSession, rawCall } from '../../../support/raw-grpc.ts';
import { SemanticConventions } from '../../../support/semantic-conventions.ts';
import { killSidecars, startSidecar } from '../../../support/sidecar.ts';

afterEach(killSidecars);

const MODEL = '--model=half_plus_two=examples/half_plus_two/models/half_plus_two';
/** OpenTelemetry's SERVER and INTERNAL. */
const SERVER = 2;

it('spans of REST and gRPC have the whole names of what was asked', async (t) => {
  const receiver = await startHttpReceiver();
  t.after(() => receiver.close());
  const sidecar = await startSidecar([MODEL, '--inference_path_prefix=/ml'], {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_SEMCONV_STABILITY_OPT_IN: 'rpc',
  });
  const at = `${sidecar.rest}/ml`;
  const body = JSON.stringify({ instances: [1] });
  const asked: readonly (readonly [path: string, init: RequestInit])[] = [
    ['/v1/models/half_plus_two:predict?key=hidden', { method: 'POST', body }],
    ['/v1/models/half_plus_two/versions/1:predict', { method: 'POST', body }],
    ['/v1/models/half_plus_two/metadata', {}],
    ['/v1/models/half_plus_two:predict', { method: 'DELETE' }],
  ];
  for (const [path, init] of asked)
    await (await fetch(at + path, { headers: { 'user-agent': 'ua/1' }, ...init })).text();
  const session = openSession(sidecar.grpc);
  await rawCall(session, PREDICT, frame(predictRequest([1])));
  session.destroy();
  assert.equal(await sidecar.stop(), 0);

  const servers = receiver.spans.filter(({ kind }) => kind === SERVER);
  const of = (span: ReceivedSpan, ...keys: readonly string[]) => keys.map((key) => span.attributes[key]);
  assert.deepEqual(
    servers.slice(0, 4).map((span) => of(span, 'http.request.method', 'url.path', 'http.route')),
    [
      ['POST', '/ml/v1/models/half_plus_two:predict', '/ml/v1/models/{model}:predict'],
      ['POST', '/ml/v1/models/half_plus_two/versions/1:predict', '/ml/v1/models/{model}/versions/{version}:predict'],
      ['GET', '/ml/v1/models/half_plus_two/metadata', '/ml/v1/models/{model}/metadata'],
      ['DELETE', '/ml/v1/models/half_plus_two:predict', undefined],
    ],
  );
  for (const span of servers.slice(0, 4)) {
    const keys = ['network.peer.address', 'network.protocol.version', 'user_agent.original', 'url.scheme'];
    assert.deepEqual(of(span, ...keys), ['127.0.0.1', '1.1', 'ua/1', 'http']);
  }
  assert.deepEqual(
    servers.slice(4).map((span) => of(span, 'rpc.system.name', 'rpc.method', 'rpc.status_code')),
    [['grpc', 'tensorflow.serving.PredictionService/Predict', 'OK']],
  );
  const conventions = new SemanticConventions();
  const written = receiver.spans.flatMap(({ attributes, resource }) => [
    ...Object.keys(attributes),
    ...Object.keys(resource),
  ]);
  assert.deepEqual(
    [...new Set(written)].flatMap((key) => conventions.faultOf(key) ?? []),
    [],
  );
  assert.ok(!JSON.stringify(receiver.spans).includes('hidden'));
});
