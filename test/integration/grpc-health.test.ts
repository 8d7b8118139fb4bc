/** grpc.health.v1 over a real connection. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { status as Status } from '@grpc/grpc-js';
import { HealthService } from '../../src/proxy/protocols/health/health-service.ts';
import { ReadinessGate } from '../../src/proxy/readiness.ts';
import { eachEngine as test } from '../support/grpc-engines.ts';
import { type GrpcHarness, HEALTH, INFERENCE, PREDICTION, withGrpc } from '../support/grpc-harness.ts';
import { hasFeature } from '../support/has-feature.ts';
import { frame, openSession, rawCall } from '../support/raw-grpc.ts';

const OWN = ['', PREDICTION, 'tensorflow.serving.ModelService', 'PredictionService', 'ModelService'];
const NAMES = hasFeature('open-inference') ? [...OWN, INFERENCE] : OWN;

async function check(server: GrpcHarness, service: string): Promise<string> {
  return (await server.call(HEALTH, 'Check', { service })).status;
}

/** What a Watch is told, one by one; undefined at its end. */
function watch(server: GrpcHarness, service: string, options: object = {}) {
  const call = server.client(HEALTH).Watch({ service }, options);
  const told: AsyncIterator<{ status: string }> = call[Symbol.asyncIterator]();
  return { call, next: async (): Promise<string | undefined> => (await told.next()).value?.status };
}

test('Check and List follow the readiness under every name', async () => {
  await withGrpc(
    () => undefined,
    async (server) => {
      for (const name of NAMES) assert.equal(await check(server, name), 'SERVING');
      server.readiness.setModelsReady(false);
      for (const name of NAMES) assert.equal(await check(server, name), 'NOT_SERVING');
      const { statuses } = await server.call(HEALTH, 'List', {});
      assert.deepEqual(statuses, Object.fromEntries(NAMES.map((name) => [name, { status: 'NOT_SERVING' }])));
      server.readiness.setModelsReady(true);
      server.readiness.setDraining();
      assert.equal(await check(server, ''), 'NOT_SERVING');
    },
  );
});

test('an unknown service is NOT_FOUND on Check and SERVICE_UNKNOWN on Watch', async () => {
  await withGrpc(
    () => undefined,
    async (server) => {
      const error = await server.failure(HEALTH, 'Check', { service: 'a.B' });
      assert.equal(error.code, Status.NOT_FOUND);
      assert.match(error.details, /"a\.B"/);
      const { call, next } = watch(server, 'a.B');
      call.on('error', () => undefined);
      assert.equal(await next(), 'SERVICE_UNKNOWN');
      call.cancel();
    },
  );
});

test("a model's name, as a service, follows that model", async () => {
  await withGrpc(
    (models) => {
      models.add('m', { state: 'LOADING' });
      models.add('other');
    },
    async (server) => {
      assert.deepEqual([await check(server, 'm'), await check(server, 'other')], ['NOT_SERVING', 'SERVING']);
      const { next } = watch(server, 'm');
      const other = watch(server, 'other');
      const unknown = watch(server, 'later');
      assert.deepEqual(
        [await next(), await other.next(), await unknown.next()],
        ['NOT_SERVING', 'SERVING', 'SERVICE_UNKNOWN'],
      );
      server.models.add('m');
      server.models.add('later');
      server.readiness.noteModels();
      assert.deepEqual([await next(), await unknown.next()], ['SERVING', 'SERVING']);
      server.readiness.setModelsReady(false);
      server.readiness.setDraining();
      for (const each of [{ next }, other, unknown]) assert.equal(await each.next(), 'NOT_SERVING');
      await server.server.drain();
      assert.equal(await next(), undefined);
    },
  );
});

it('a model is not known where its name is told to nobody', () => {
  const health = new HealthService(new ReadinessGate());
  assert.deepEqual([health.statusOf(''), health.statusOf('m')], [2, undefined]);
});

test('Check answers while the server drains, and is no request in flight', async () => {
  await withGrpc(
    () => undefined,
    async (server) => {
      await server.lifecycle.drain();
      server.readiness.setDraining();
      assert.equal(await check(server, ''), 'NOT_SERVING');
      assert.equal(server.records.length, 0);
    },
  );
});

test('Watch tells of changes alone, and ends with OK when the server drains', async () => {
  await withGrpc(
    () => undefined,
    async (server) => {
      const { call, next } = watch(server, '');
      let status: { code: number } | undefined;
      call.on('status', (received: { code: number }) => {
        status = received;
      });
      assert.equal(await next(), 'SERVING');
      server.readiness.setModelsReady(true);
      server.readiness.setModelsReady(false);
      assert.equal(await next(), 'NOT_SERVING');
      server.readiness.setModelsReady(true);
      assert.equal(await next(), 'SERVING');
      const drained = server.server.drain();
      assert.equal(await next(), 'NOT_SERVING');
      assert.equal(await next(), undefined);
      await drained;
      assert.equal(status?.code, Status.OK);
    },
  );
});

test('a Watch that its client leaves is forgotten', async () => {
  await withGrpc(
    () => undefined,
    async (server) => {
      const { call, next } = watch(server, '');
      call.on('error', () => undefined);
      await next();
      call.cancel();
      await server.server.drain();
      server.readiness.setModelsReady(false);
    },
  );
});

test('a Watch ends at its deadline', async () => {
  await withGrpc(
    () => undefined,
    async (server) => {
      const session = openSession(server.address);
      const answer = await rawCall(session, `/${HEALTH}/Watch`, frame(new Uint8Array(0)), { 'grpc-timeout': '30m' });
      assert.equal(answer.grpcStatus, Status.DEADLINE_EXCEEDED);
      const garbage = await rawCall(session, `/${HEALTH}/Check`, frame(Uint8Array.of(0xff)));
      assert.equal(garbage.grpcStatus, Status.INVALID_ARGUMENT);
      const second = await rawCall(session, `/${HEALTH}/Watch`, frame(Uint8Array.of(0x0a)));
      assert.equal(second.grpcStatus, Status.INVALID_ARGUMENT);
      session.destroy();
    },
  );
});
