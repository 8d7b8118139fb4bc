/** Behind Envoy as behind nothing: numbers, deadlines, clients that leave, health, many at once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { afterEach, test } from 'node:test';
import { status as Status } from '@grpc/grpc-js';
import { frame, openSession, rawCall } from '../support/raw-grpc.ts';
import { killSidecars, type Sidecar } from '../support/sidecar.ts';
import { type Envoy, startEnvoy } from './envoy.ts';
import {
  grpcClient,
  halfPlusTwo,
  PATIENT_ROWS,
  PREDICT,
  predictRequest,
  restAddress,
  restPredict,
  startHalfPlusTwo,
  startPatient,
} from './half-plus-two.ts';

const VALUES = [1, 2, 5];
/** What no request of these tests needs: a failure is to be seen as one, and not as a test without end. */
const DEADLINE_MS = 20_000;

afterEach(killSidecars);

const behind = (sidecar: Sidecar): { grpc: string[]; rest: string[] } => ({
  grpc: [sidecar.grpc],
  rest: [restAddress(sidecar)],
});

/** Resolves when so many rows wait for a batch. */
async function waiting(envoy: Envoy, { admin }: Sidecar, rows: number): Promise<void> {
  const line = `pillion_queue_rows{model="half_plus_two",version="1"} ${rows}\n`;
  await envoy.until(`${rows} waiting rows`, async () => {
    const page = await (await fetch(`${admin}/metrics`)).text();
    return page.includes(line) ? true : undefined;
  });
}

async function refusals({ admin }: Sidecar, kind: string): Promise<string | undefined> {
  const page = await (await fetch(`${admin}/metrics`)).text();
  return new RegExp(`^pillion_refusals_total\\{.*"${kind}".*\\} (\\d+)$`, 'm').exec(page)?.[1];
}

test('Predict gives its numbers over gRPC and REST, on one listener', async (t) => {
  const sidecar = await startHalfPlusTwo();
  const envoy = await startEnvoy(t, behind(sidecar));
  const client = grpcClient(envoy.address);
  t.after(() => client.close());
  assert.deepEqual(await client.predict(VALUES, { deadline: Date.now() + DEADLINE_MS }), halfPlusTwo(VALUES));
  assert.deepEqual(await restPredict(envoy.address, VALUES), halfPlusTwo(VALUES));
  assert.equal(await envoy.stat('cluster.grpc.upstream_cx_http2_total'), 1);
  assert.equal(await envoy.stat('cluster.rest.upstream_cx_http1_total'), 1);
});

test('grpc-timeout passes through, and the sidecar keeps it', async (t) => {
  const sidecar = await startPatient();
  const envoy = await startEnvoy(t, behind(sidecar));
  // By hand: a client's own timer would hide who ended the call.
  const session = openSession(envoy.address);
  const body = frame(predictRequest(VALUES));
  // Its batch would wait for much longer than a second: the deadline starts it.
  const answered = await rawCall(session, PREDICT, body, { 'grpc-timeout': '1S' });
  assert.equal(answered.grpcStatus, Status.OK, answered.grpcMessage);
  const late = await rawCall(session, PREDICT, body, { 'grpc-timeout': '1n' });
  assert.equal(late.grpcStatus, Status.DEADLINE_EXCEEDED);
  assert.match(late.grpcMessage, /^deadline of 0\.000001 ms passed/);
  session.destroy();
});

test("the timeout of Envoy's route is the deadline of a REST request", async (t) => {
  const sidecar = await startHalfPlusTwo();
  const envoy = await startEnvoy(t, { ...behind(sidecar), restTimeoutMs: 200 });
  // Envoy's own timer starts with the end of the body, which does not come: only the sidecar can say this.
  const request = httpRequest(`http://${envoy.address}/v1/models/half_plus_two:predict`, {
    method: 'POST',
    headers: { 'content-length': 100 },
  });
  request.on('error', () => undefined);
  request.write('{"instances":');
  const [response] = await once(request, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  request.destroy();
  assert.equal(response.statusCode, 504);
  assert.match(text, /deadline of 200 ms passed before the request had arrived whole/);
  assert.equal(await refusals(sidecar, 'deadline_exceeded'), '1');
  assert.deepEqual(await restPredict(envoy.address, VALUES), halfPlusTwo(VALUES));
});

test('a client that cancels ends its own stream and no other', async (t) => {
  const sidecar = await startPatient();
  const envoy = await startEnvoy(t, behind(sidecar));
  const client = grpcClient(envoy.address);
  t.after(() => client.close());
  const cancelled = client.begin([1]);
  const kept = client.begin([2]);
  const gone = assert.rejects(cancelled.answer, { code: Status.CANCELLED });
  await waiting(envoy, sidecar, 2);
  cancelled.call.cancel();
  await gone;
  await waiting(envoy, sidecar, 1);
  const rest = Array.from({ length: PATIENT_ROWS - 1 }, (_, i) => i);
  assert.deepEqual(await client.predict(rest, { deadline: Date.now() + DEADLINE_MS }), halfPlusTwo(rest));
  assert.deepEqual(await kept.answer, halfPlusTwo([2]));
  assert.equal(await refusals(sidecar, 'cancelled'), '1');
  assert.equal(await envoy.stat('cluster.grpc.upstream_cx_total'), 1);
  assert.equal(await envoy.stat('cluster.grpc.upstream_cx_destroy'), 0);
  assert.equal(await envoy.stat('cluster.grpc.upstream_rq_tx_reset'), 1);
});

test('hundreds of streams are open at once on one connection, and all are answered', async (t) => {
  const sidecar = await startPatient();
  const envoy = await startEnvoy(t, behind(sidecar));
  const clients = Array.from({ length: 4 }, () => grpcClient(envoy.address));
  t.after(() => {
    for (const client of clients) client.close();
  });
  const deadline = Date.now() + DEADLINE_MS;
  // No batch runs before all have come.
  const answers = await Promise.all(
    Array.from({ length: PATIENT_ROWS }, (_, i) => clients[i % clients.length]!.predict([i], { deadline })),
  );
  assert.deepEqual(
    answers,
    answers.map((_, i) => halfPlusTwo([i])),
  );
  assert.equal(await envoy.stat('cluster.grpc.upstream_rq_total'), PATIENT_ROWS);
  assert.equal(await envoy.stat('cluster.grpc.upstream_cx_total'), 1);
});

test("the sidecar's health is what Envoy goes by", async (t) => {
  const sidecar = await startHalfPlusTwo();
  const known = await startEnvoy(t, { ...behind(sidecar), healthService: 'tensorflow.serving.PredictionService' });
  const asked = { ...behind(sidecar), healthService: 'no.such.Service' };
  const unknown = await startEnvoy(t, asked, { grpc: 0, rest: 1 });
  await unknown.until('a failed check', async () =>
    (await unknown.stat('cluster.grpc.health_check.failure')) > 0 ? true : undefined,
  );
  assert.ok((await known.stat('cluster.grpc.health_check.success')) > 0);
  const client = grpcClient(unknown.address);
  t.after(() => client.close());
  await assert.rejects(client.predict(VALUES), { code: Status.UNAVAILABLE, details: /no healthy upstream/ });
  assert.equal(await sidecar.stop(), 0);
  await known.untilHealthy({ grpc: 0, rest: 0 });
});
