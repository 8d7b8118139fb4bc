/** One trace as Jaeger has it: caller → Envoy → sidecar → application → model → batch. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, test } from 'node:test';
import { startEnvoy } from '../mesh/envoy.ts';
import { ENVOY_SERVICE } from '../mesh/envoy-config.ts';
import { restAddress, startHalfPlusTwo } from '../mesh/half-plus-two.ts';
import { killSidecars } from '../support/sidecar.ts';
import { startTracedApp } from '../support/traced-app.ts';
import { type JaegerSpan, startJaeger } from './jaeger.ts';

afterEach(killSidecars);

/** From the caller down to the run, by service and name. */
const CHAIN = [
  ['pillion', 'GET'],
  ['pillion', 'GET'],
  ['shop', 'cart'],
  ['pillion', 'Predict half_plus_two'],
  ['pillion', 'inference.batch'],
  ['pillion', 'run'],
] as const;

/** The chain as far as it is there, under a span of Envoy's. */
function chainIn(spans: readonly JaegerSpan[]): readonly JaegerSpan[] {
  const chain: JaegerSpan[] = [];
  for (const [service, name] of CHAIN) {
    // Jaeger shows the parent of a batch, which is linked to it too, as a link alone.
    const isBelow = ({ parent, links }: JaegerSpan): boolean =>
      chain.length === 0
        ? spans.some(({ id, service: of }) => id === parent && of === ENVOY_SERVICE)
        : [parent, ...links.map(({ spanId }) => spanId)].includes(chain.at(-1)!.id);
    const next = spans.find((span) => span.service === service && span.name === name && isBelow(span));
    if (next === undefined) break;
    chain.push(next);
  }
  return chain;
}

test('a request for an application that asks a model is one tree in Jaeger, and its deadline shrinks at each hop', async (t) => {
  const jaeger = await startJaeger(t);
  const app = await startTracedApp(t, `http://${jaeger.otlpHttp.replace(/^http:\/\//, '')}`);
  const sidecar = await startHalfPlusTwo(['--host=thread', `--app=${app.url}`], {
    OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlpHttp,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
  const rest = restAddress(sidecar);
  app.infer = async (headers) => {
    const body = JSON.stringify({ instances: [1] });
    return await (
      await fetch(`http://${rest}/v1/models/half_plus_two:predict`, { method: 'POST', headers, body })
    ).text();
  };
  const envoy = await startEnvoy(t, {
    grpc: [sidecar.grpc],
    rest: [rest],
    restTimeoutMs: 10_000,
    spansTo: jaeger.otlpGrpc,
  });
  const traceId = randomBytes(16).toString('hex');
  const traceparent = `00-${traceId}-${randomBytes(8).toString('hex')}-01`;
  const answer = await fetch(`http://${envoy.address}/cart`, { headers: { traceparent } });
  assert.match(await answer.text(), /"predictions": ?\[2\.5\]/);

  const spans = await jaeger.trace(traceId, (all) => chainIn(all).length === CHAIN.length);
  const predict = chainIn(spans)[3]!;
  // Envoy told the sidecar of its own 10 s, the sidecar the application what was left, and the model's request took it over.
  const toApp = Number(app.got[0]!['x-envoy-expected-rq-timeout-ms']);
  assert.ok(toApp > 0 && toApp <= 10_000, `the application was told ${toApp} ms`);
  assert.equal(predict.tags['inference.deadline_source'], 'fronted_request');
  assert.equal(await sidecar.stop(), 0);
});
