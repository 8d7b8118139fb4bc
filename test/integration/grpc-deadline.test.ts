/** Deadlines and clients that leave: whichever comes first ends the request, and the runtime is spared. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { status as Status } from '@grpc/grpc-js';
import { FakeClock } from '../support/fake-clock.ts';
import { eachEngine as test } from '../support/grpc-engines.ts';
import {
  floatRequest,
  type GrpcHarness,
  type GrpcHarnessOptions,
  PREDICTION,
  withGrpc,
} from '../support/grpc-harness.ts';
import { JumpClock } from '../support/jump-clock.ts';
import { encode } from '../support/proto-registry.ts';
import { never, type PuppetRunner } from '../support/puppet-models.ts';
import { answerOf, frame, openCall, openSession, rawCall, reset } from '../support/raw-grpc.ts';

const PREDICT = `/${PREDICTION}/Predict`;
const BODY = frame(
  encode('tensorflow.serving.PredictRequest', { modelSpec: { name: 'm' }, inputs: { x: { dtype: 1, floatVal: [1] } } }),
);

const HOUR_MS = 3_600_000;

/** A server with one model that never answers. */
function withNever(
  use: (server: GrpcHarness, runner: PuppetRunner) => Promise<void>,
  options: GrpcHarnessOptions = {},
): Promise<void> {
  let runner: PuppetRunner | undefined;
  return withGrpc(
    (models) => {
      runner = models.add('m', { behave: never });
    },
    (server) => use(server, runner!),
    options,
  );
}

/** The same with a clock that is put forward by an hour while the model runs. */
function withHour(use: (server: GrpcHarness, pass: () => Promise<void>) => Promise<void>): Promise<void> {
  const clock = new JumpClock();
  const run = (server: GrpcHarness, runner: PuppetRunner): Promise<void> =>
    use(server, async () => {
      await server.until(() => runner.requests.length === 1);
      clock.jump(HOUR_MS);
    });
  return withNever(run, { clock, maxTimeoutMs: 2 * HOUR_MS });
}

test("the client's deadline ends a request that the model does not answer", async () => {
  await withHour(async (server, pass) => {
    const failure = server.failure(PREDICTION, 'Predict', floatRequest([1]), { deadlineMs: HOUR_MS });
    await pass();
    const { code, details } = await failure;
    assert.equal(code, Status.DEADLINE_EXCEEDED);
    assert.match(details, /passed while the model ran/);
    const record = await server.record(1);
    assert.equal(record.outcome, 'deadline_exceeded');
    assert.equal(server.lifecycle.inFlight, 0);
  });
});

test('a client that only sends grpc-timeout and waits is told where its time went', async () => {
  await withHour(async (server, pass) => {
    const session = openSession(server.address);
    const call = rawCall(session, PREDICT, BODY, { 'grpc-timeout': '1H' });
    await pass();
    const answer = await call;
    assert.equal(answer.grpcStatus, Status.DEADLINE_EXCEEDED);
    assert.match(answer.grpcMessage, /^deadline of \d+ ms passed while the model ran/);
    session.destroy();
  });
});

test("the server's cap holds where the client set no deadline, or a longer one", async () => {
  await withNever(
    async (server) => {
      const session = openSession(server.address);
      for (const headers of [
        {},
        { 'grpc-timeout': '10S' },
        { 'grpc-timeout': '36000M' },
        { 'grpc-timeout': '99999999H' },
      ]) {
        const answer = await rawCall(session, PREDICT, BODY, headers);
        assert.equal(answer.grpcStatus, Status.DEADLINE_EXCEEDED);
        assert.match(answer.grpcMessage, /^deadline of 40 ms/);
      }
      session.destroy();
    },
    { maxTimeoutMs: 40 },
  );
});

test('a deadline that has passed on arrival never reaches the runtime', async () => {
  await withNever(async (server, runner) => {
    const session = openSession(server.address);
    for (const timeout of ['0m', '1n']) {
      const answer = await rawCall(session, PREDICT, BODY, { 'grpc-timeout': timeout });
      assert.equal(answer.grpcStatus, Status.DEADLINE_EXCEEDED);
    }
    session.destroy();
    assert.equal(runner.requests.length, 0);
  });
});

test('a deadline that passes while the body arrives ends the call', async () => {
  await withNever(async (server, runner) => {
    const session = openSession(server.address);
    const stream = openCall(session, PREDICT, { 'grpc-timeout': '30m' });
    stream.write(BODY.subarray(0, 10));
    const answer = await answerOf(stream);
    assert.equal(answer.grpcStatus, Status.DEADLINE_EXCEEDED);
    assert.match(answer.grpcMessage, /before the request had arrived whole/);
    session.destroy();
    assert.equal(runner.requests.length, 0);
  });
});

test('a client that leaves cancels what runs for it', async () => {
  await withNever(async (server, runner) => {
    const call = server.client(PREDICTION).Predict(floatRequest([1]), () => undefined);
    await server.until(() => runner.requests.length > 0);
    call.cancel();
    const record = await server.record(1);
    assert.equal(record.outcome, 'cancelled');
    assert.equal(runner.runningBatches, 0);
    assert.deepEqual(server.internalErrors, []);
  });
});

test('a client that leaves while its body arrives never reaches the runtime', async () => {
  const leave = async (server: GrpcHarness, runner: PuppetRunner): Promise<void> => {
    const session = openSession(server.address);
    const stream = openCall(session, PREDICT);
    stream.on('error', () => undefined);
    stream.write(BODY.subarray(0, 10));
    await server.until(() => server.lifecycle.inFlight > 0);
    reset(stream);
    assert.equal((await server.record(1)).outcome, 'cancelled');
    session.destroy();
    assert.equal(runner.requests.length, 0);
  };
  // node ends the request before it resets it: the moment that the server waits for the reset does not pass.
  await withNever(leave, { clock: new FakeClock() });
});

test('a connection that breaks cancels every call on it', async () => {
  await withNever(async (server, runner) => {
    const session = openSession(server.address);
    session.on('error', () => undefined);
    const calls = [openCall(session, PREDICT), openCall(session, PREDICT)];
    for (const call of calls) call.on('error', () => undefined).end(BODY);
    await server.until(() => runner.requests.length === 2);
    session.destroy();
    await once(session, 'close');
    assert.deepEqual([(await server.record(1)).outcome, (await server.record(2)).outcome], ['cancelled', 'cancelled']);
    assert.equal(server.lifecycle.inFlight, 0);
  });
});
