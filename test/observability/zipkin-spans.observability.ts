/** OTEL_TRACES_EXPORTER=zipkin and b3: a real Zipkin has every span of every request. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, test } from 'node:test';
import { STAGES } from '../../src/ledger/stage-clock.ts';
import { startHalfPlusTwo } from '../mesh/half-plus-two.ts';
import { killSidecars } from '../support/sidecar.ts';
import { startZipkin, type ZipkinSpan } from './zipkin.ts';

afterEach(killSidecars);

const REQUESTS = 20;

/** The server's span, its stages, the batch, and the host's three in that. */
const NAMES = ['predict half_plus_two', ...STAGES, 'inference.batch', 'copy-in', 'run', 'copy-out'];

const isWhole = (spans: readonly ZipkinSpan[]): boolean => spans.length >= NAMES.length;

test('Zipkin has each span of each request', async (t) => {
  const zipkin = await startZipkin(t);
  const sidecar = await startHalfPlusTwo(['--host=thread'], {
    OTEL_TRACES_EXPORTER: 'zipkin',
    OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
    OTEL_PROPAGATORS: 'b3',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  });
  for (let i = 0; i < REQUESTS; i++) {
    const [traceId, caller] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
    const answer = await fetch(`${sidecar.rest}/v1/models/half_plus_two:predict`, {
      method: 'POST',
      headers: { b3: `${traceId}-${caller}-1` },
      body: JSON.stringify({ instances: [i] }),
    });
    assert.equal(answer.status, 200);
    const spans = await zipkin.trace(traceId, isWhole);
    assert.deepEqual(spans.map(({ name }) => name).sort(), [...NAMES].sort());
    const server = spans.find(({ kind }) => kind === 'SERVER')!;
    assert.deepEqual([server.parentId, server.localEndpoint.serviceName], [caller, 'pillion']);
    for (const { timestamp, duration = 0 } of spans) {
      assert.ok(Number.isInteger(timestamp) && timestamp >= server.timestamp, `${timestamp}`);
      assert.ok(timestamp + duration <= server.timestamp + server.duration! + 1, `${timestamp} + ${duration}`);
    }
  }
  assert.equal(await sidecar.stop(), 0);
  assert.doesNotMatch(sidecar.output(), /"level":"(?:warn|error)"/);
});
