/**
 * Predicts that their model refuses before they are decoded, as real clients see them: the same answer, byte for byte, as
 * one that was decoded and refused, on both gRPC engines and over REST.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type ServiceError, status as Status } from '@grpc/grpc-js';
import { ServingError, SharedError } from '../../src/core/errors.ts';
import type { RequestRecord } from '../../src/ledger/request-record.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { eachEngine } from '../support/grpc-engines.ts';
import { floatRequest, type GrpcHarness, PREDICTION, withGrpc } from '../support/grpc-harness.ts';
import { FLOAT_SIGNATURE, fail, type PuppetDirectory, type PuppetRunner } from '../support/puppet-models.ts';
import { type RawAnswer, type RawConnection, RestHarness } from '../support/rest-harness.ts';

const REFUSAL = new ServingError('overloaded', 'the answer is expected in 45 ms: ä 100 %; retry after 14 ms', {
  retryAfterMs: 14,
  attributes: { stage: 'admit', reason: 'predicted_late' },
});

/** `read` refuses what was submitted to it, `unread` before that. */
function addBoth(models: PuppetDirectory): PuppetRunner {
  models.add('read', { behave: fail(REFUSAL) });
  const unread = models.add('unread');
  unread.refusal = new SharedError(REFUSAL);
  return unread;
}

/** What records say of a request beside its times and its model. */
function told({ outcome, version, signatureName, requestBytes, error, stages }: RequestRecord): unknown {
  return { outcome, version, signatureName, requestBytes, attributes: error?.attributes, hasAdmit: stages.has(2) };
}

function seen({ code, details, metadata }: ServiceError): unknown {
  const { date: _, ...fields } = metadata.toJSON();
  return { code, details, fields };
}

/** With a clock that stands still: a refusal is given again within a millisecond of the last one. */
async function withBoth(
  use: (server: GrpcHarness, unread: PuppetRunner) => Promise<void>,
  setUp?: (models: PuppetDirectory) => void,
): Promise<void> {
  let unread!: PuppetRunner;
  const add = (models: PuppetDirectory): void => {
    unread = addBoth(models);
    setUp?.(models);
  };
  await withGrpc(add, (server) => use(server, unread), { clock: new FakeClock() });
}

const failure = (server: GrpcHarness, model: string, id?: string): Promise<ServiceError> =>
  server.failure(PREDICTION, 'Predict', floatRequest([1], { name: model }), {
    ...(id !== undefined && { metadata: { 'x-request-id': id } }),
  });

eachEngine('a Predict that is refused unread is answered as one that was read', async () => {
  await withBoth(async (server, unread) => {
    const expected = seen(await failure(server, 'read'));
    assert.equal((expected as { code: number }).code, Status.RESOURCE_EXHAUSTED);
    for (let i = 0; i < 3; i++) assert.deepEqual(seen(await failure(server, 'unread')), expected);
    assert.deepEqual(seen(await failure(server, 'unread', 'id')), seen(await failure(server, 'read', 'id')));
    assert.equal(unread.requests.length, 0);
    // Its name is two letters longer.
    const [read, first] = [await server.record(1), await server.record(2)];
    assert.deepEqual(told(first), { ...(told(read) as object), requestBytes: read.requestBytes + 2 });
    assert.equal(first.model, 'unread');
    unread.refusal = undefined;
    const answer = await server.call(PREDICTION, 'Predict', floatRequest([1], { name: 'unread' }));
    assert.deepEqual(answer.outputs.y.float_val, [1], 'the connection goes on');
  });
});

eachEngine('a Predict is decoded if a peek does not tell what it asks', async () => {
  const setUp = (models: PuppetDirectory): void => {
    models.fallbacks = {
      has: (model) => model === 'replaced',
      acquire: () => assert.fail(),
      run: (request) => request.runOnResolved(),
    };
    models.add('replaced').refusal = new SharedError(REFUSAL);
  };
  await withBoth(async (server, unread) => {
    await failure(server, 'read');
    const filtered = { ...floatRequest([1], { name: 'unread' }), output_filter: ['y'] };
    await server.call(PREDICTION, 'Predict', filtered);
    await server.call(PREDICTION, 'Predict', floatRequest([1], { name: 'replaced' }));
    assert.equal(unread.requests.length, 1);
    const nobody = await server.failure(PREDICTION, 'Predict', { inputs: {} });
    assert.equal(nobody.code, Status.INVALID_ARGUMENT);
    const other = await server.failure(
      PREDICTION,
      'Predict',
      floatRequest([1], { name: 'unread', signature_name: 'nope' }),
    );
    assert.equal(other.code, Status.FAILED_PRECONDITION);
  }, setUp);
});

eachEngine('a wrong Predict is told so, except by a model that refuses all', async () => {
  await withBoth(async (server, unread) => {
    await failure(server, 'read');
    const wrong = { model_spec: { name: 'unread' }, inputs: { other: {} } };
    assert.equal((await server.failure(PREDICTION, 'Predict', wrong)).code, Status.RESOURCE_EXHAUSTED);
    unread.refusal = undefined;
    assert.equal((await server.failure(PREDICTION, 'Predict', wrong)).code, Status.INVALID_ARGUMENT);
  });
});

describe('Over REST', () => {
  const rest = new RestHarness();
  let connection: RawConnection;
  let unread: PuppetRunner;

  before(async () => {
    await rest.listen();
    connection = await rest.connect();
  });
  beforeEach(() => {
    unread = addBoth(rest.models);
  });
  after(() => rest.close());

  async function post(model: string, body = '{"instances":[1]}', headers: string[] = []): Promise<RawAnswer> {
    connection.post(`/v1/models/${model}:predict`, body, headers);
    return connection.answer();
  }

  const shown = ({ status, headers, body }: RawAnswer): unknown => ({
    status,
    body: body.toString(),
    headers: [...headers].filter(([name]) => name !== 'server-timing' && name !== 'date'),
  });

  it('a predict that is refused unread is answered as one that was read', async () => {
    const expected = shown(await post('read'));
    assert.equal((expected as RawAnswer).status, 429);
    for (let i = 0; i < 3; i++) assert.deepEqual(shown(await post('unread')), expected);
    const id = ['x-request-id: id'];
    assert.deepEqual(shown(await post('unread', undefined, id)), shown(await post('read', undefined, id)));
    assert.equal(unread.requests.length, 0);
    const records = await rest.recorded(6);
    assert.deepEqual(told(records[1]!), told(records[0]!));
    assert.deepEqual([records[1]!.model, records[1]!.outcome], ['unread', 'overloaded']);
    assert.equal((await post('unread', 'not JSON')).status, 429);
    unread.refusal = undefined;
    assert.equal((await post('unread')).status, 200, 'the connection goes on');
    assert.equal((await post('unread', 'not JSON')).status, 400);
  });

  it('a predict is read if its body may name another signature', async () => {
    const signatures = { serving_default: FLOAT_SIGNATURE, other: FLOAT_SIGNATURE };
    rest.models.add('unread', { signatures }).refusal = new SharedError(REFUSAL);
    assert.equal((await post('unread')).status, 200);
  });
});
