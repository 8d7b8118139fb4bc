/** `--overload_status=unavailable` over REST and on both gRPC engines. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { ServingError, SharedError } from '../../../../src/core/errors.ts';
import { unavailableForOverload } from '../../../../src/features/overload-status/unavailable.ts';
import { eachEngine } from '../../../support/grpc-engines.ts';
import { floatRequest, PREDICTION, withGrpc } from '../../../support/grpc-harness.ts';
import { echo, fail, type PuppetDirectory } from '../../../support/puppet-models.ts';
import { RestHarness } from '../../../support/rest-harness.ts';
import { killSidecars, startSidecar } from '../../../support/sidecar.ts';

const FULL = new ServingError('overloaded', 'no room', { retryAfterMs: 1200, attributes: { reason: 'queue_full' } });
const GREEDY = new ServingError('overloaded', 'slow down', { attributes: { reason: 'caller_limit' } });

function addModels(models: PuppetDirectory): void {
  models.add('m', { behave: echo });
  models.add('full', { behave: fail(FULL) });
  models.add('shared', { behave: fail(new SharedError(FULL)) });
  models.add('greedy', { behave: fail(GREEDY) });
}

eachEngine('overload is UNAVAILABLE, with its delays; a caller over its own limits is told so as before', async () => {
  await withGrpc(
    addModels,
    async (server) => {
      for (const name of ['full', 'shared', 'shared']) {
        const { code, details, metadata } = await server.failure(PREDICTION, 'Predict', floatRequest([1], { name }));
        assert.deepEqual([code, details], [grpc.status.UNAVAILABLE, 'no room']);
        assert.deepEqual(metadata.get('grpc-retry-pushback-ms'), ['1200']);
        assert.deepEqual(metadata.get('x-envoy-overloaded'), ['true']);
      }
      const greedy = await server.failure(PREDICTION, 'Predict', floatRequest([1], { name: 'greedy' }));
      assert.equal(greedy.code, grpc.status.RESOURCE_EXHAUSTED);
      assert.equal((await server.record(1)).outcome, 'overloaded');
    },
    { toldAs: unavailableForOverload() },
  );
});

test('over REST it is 503', async (t) => {
  const rest = new RestHarness({ toldAs: unavailableForOverload() });
  t.after(() => rest.close());
  addModels(rest.models);
  await rest.listen();
  const connection = await rest.connect();
  for (const [model, status, delay] of [
    ['m', 200, undefined],
    ['full', 503, '2'],
    ['shared', 503, '2'],
    ['shared', 503, '2'],
    ['greedy', 429, undefined],
  ] as const) {
    connection.post(`/v1/models/${model}:predict`, '{"instances":[1]}');
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [status, delay]);
  }
});

describe('an error that many requests get', () => {
  it('is made anew once', () => {
    const toldAs = unavailableForOverload();
    const shared = new SharedError(FULL);
    assert.equal(toldAs(shared), toldAs(shared));
    assert.notEqual(toldAs(shared), shared);
    assert.equal(toldAs(GREEDY), GREEDY);
  });
});

test('the server takes the option', async (t) => {
  t.after(killSidecars);
  const half = '--model=half=examples/half_plus_two/models/half_plus_two';
  const sidecar = await startSidecar([half, '--overload_status=unavailable']);
  const answer = await fetch(`${sidecar.rest}/v1/models/half:predict`, { method: 'POST', body: '{"instances":[2]}' });
  assert.deepEqual(await answer.json(), { predictions: [3] });
  assert.equal(await sidecar.stop(), 0);
});
