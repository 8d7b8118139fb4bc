/** Refusals for overload that take as long as answers (--refusal_delay_ms), over REST and on both gRPC engines. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { ServingError } from '../../src/core/errors.ts';
import { drainSurfaces } from '../../src/kernel/assembly/drain.ts';
import type { RootLogger } from '../../src/ledger/log/log.ts';
import type { RequestLifecycle } from '../../src/proxy/request-lifecycle.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { eachEngine } from '../support/grpc-engines.ts';
import { floatRequest, type GrpcHarness, INFERENCE, PREDICTION, withGrpc } from '../support/grpc-harness.ts';
import { echo, fail, type PuppetDirectory } from '../support/puppet-models.ts';
import { type RawConnection, RestHarness } from '../support/rest-harness.ts';

const FULL = new ServingError('overloaded', 'no room', { retryAfterMs: 9000, attributes: { reason: 'queue_full' } });
const GREEDY = new ServingError('overloaded', 'slow', { retryAfterMs: 9000, attributes: { reason: 'caller_limit' } });
/** What an answer takes. */
const ANSWER_MS = 400;
const DELAY_MS = 1000;

function addModels(models: PuppetDirectory, clock: FakeClock): void {
  models.add('m', {
    behave: (request) => {
      clock.advance(ANSWER_MS);
      return echo(request);
    },
  });
  models.add('full', { behave: fail(FULL) });
  models.add('greedy', { behave: fail(GREEDY) });
}

/** Resolves when so many refusals are held. */
async function untilHeld(lifecycle: RequestLifecycle, count: number): Promise<void> {
  while (lifecycle.refusals!.size !== count) await new Promise((resolve) => setImmediate(resolve));
}

/** What came until now; the clock does not move. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

function drain(lifecycle: RequestLifecycle, surface: Parameters<typeof drainSurfaces>[0]['surfaces'][number]) {
  const logger = { warn: () => assert.fail('it took too long') } as unknown as RootLogger;
  return drainSurfaces({ logger, lifecycle, surfaces: [surface], others: [], timeoutMs: 20_000 });
}

describe('over REST', () => {
  async function start(t: TestContext): Promise<{ rest: RestHarness; connection: RawConnection }> {
    const rest = new RestHarness({ refusalDelayMs: DELAY_MS });
    t.after(() => rest.close());
    addModels(rest.models, rest.clock);
    await rest.listen();
    const connection = await rest.connect();
    connection.post('/v1/models/m:predict', '{"instances":[1]}');
    await connection.answer();
    return { rest, connection };
  }

  test('a refusal comes when an answer would have come, and as it would have been at once', async (t) => {
    const { rest, connection } = await start(t);
    connection.post('/v1/models/full:predict', '{"instances":[1]}');
    await untilHeld(rest.lifecycle, 1);
    let isThere = false;
    const answer = connection.answer().finally(() => {
      isThere = true;
    });
    rest.clock.advance(ANSWER_MS - 1);
    await settle();
    assert.equal(isThere, false);
    rest.clock.advance(1);
    const { status, headers } = await answer;
    assert.deepEqual([status, headers.get('x-envoy-overloaded'), headers.get('retry-after')], [429, 'true', '9']);
    const record = (await rest.recorded(2))[1]!;
    assert.deepEqual([record.outcome, record.stages.finishedAt - record.stages.startedAt], ['overloaded', ANSWER_MS]);
  });

  test('other errors come at once', async (t) => {
    const { connection } = await start(t);
    for (const [model, status] of [
      ['greedy', 429],
      ['none', 404],
    ] as const) {
      connection.post(`/v1/models/${model}:predict`, '{"instances":[1]}');
      assert.equal((await connection.answer()).status, status);
    }
  });

  test('a client that leaves ends it; a drain answers it', async (t) => {
    const { rest, connection } = await start(t);
    connection.post('/v1/models/full:predict', '{"instances":[1]}');
    const other = await rest.connect();
    other.post('/v1/models/full:predict', '{"instances":[1]}');
    await untilHeld(rest.lifecycle, 2);
    other.destroy();
    await untilHeld(rest.lifecycle, 1);
    assert.equal((await rest.recorded(2))[1]!.outcome, 'overloaded');
    const drained = drain(rest.lifecycle, rest.server);
    assert.equal((await connection.answer()).status, 429);
    connection.destroy();
    await drained;
    assert.equal(rest.lifecycle.inFlight, 0);
  });
});

/** A call of Predict, and what it ends with. */
function predict(server: GrpcHarness, model: string): { call: grpc.ClientUnaryCall; ended: Promise<number> } {
  let call!: grpc.ClientUnaryCall;
  const ended = new Promise<number>((resolve) => {
    call = server
      .client(PREDICTION)
      .Predict(floatRequest([1], { name: model }), (error: grpc.ServiceError | null) =>
        resolve(error?.code ?? grpc.status.OK),
      );
  });
  return { call, ended };
}

async function withHeld(use: (server: GrpcHarness, clock: FakeClock) => Promise<void>): Promise<void> {
  const clock = new FakeClock();
  const setUp = (models: PuppetDirectory): void => addModels(models, clock);
  await withGrpc(
    setUp,
    async (server) => {
      assert.equal(await predict(server, 'm').ended, grpc.status.OK);
      await use(server, clock);
    },
    { clock, refusalDelayMs: DELAY_MS },
  );
}

eachEngine('over gRPC a refusal comes when an answer would have come', async () => {
  await withHeld(async (server, clock) => {
    const { ended } = predict(server, 'full');
    await untilHeld(server.lifecycle, 1);
    let isThere = false;
    void ended.then(() => {
      isThere = true;
    });
    clock.advance(ANSWER_MS - 1);
    await settle();
    assert.equal(isThere, false);
    clock.advance(1);
    assert.equal(await ended, grpc.status.RESOURCE_EXHAUSTED);
    assert.equal(await predict(server, 'greedy').ended, grpc.status.RESOURCE_EXHAUSTED);
  });
});

eachEngine('over gRPC a client that leaves ends it; a drain answers it', async () => {
  await withHeld(async (server) => {
    const [left, stays] = [predict(server, 'full'), predict(server, 'full')];
    await untilHeld(server.lifecycle, 2);
    left.call.cancel();
    assert.equal(await left.ended, grpc.status.CANCELLED);
    await untilHeld(server.lifecycle, 1);
    const drained = drain(server.lifecycle, {
      drain: () => server.server.drain(),
      close: () => server.server.close(),
    });
    assert.equal(await stays.ended, grpc.status.RESOURCE_EXHAUSTED);
    await drained;
    assert.equal(server.lifecycle.inFlight, 0);
  });
});

eachEngine('a refusal on a stream of requests comes at once: no balancer sees it', async () => {
  await withHeld(async (server) => {
    const stream = server.client(INFERENCE).ModelStreamInfer();
    const contents = { fp32_contents: [1] };
    stream.write({ model_name: 'full', inputs: [{ name: 'x', datatype: 'FP32', shape: [1], contents }] });
    const [answer] = await new Promise<[{ error_message: string }]>((resolve) =>
      stream.once('data', (data: { error_message: string }) => resolve([data])),
    );
    assert.match(answer.error_message, /no room/);
    stream.end();
    await new Promise((resolve) => stream.once('end', resolve));
  });
});
