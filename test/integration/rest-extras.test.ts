/** What REST has beyond TensorFlow Serving's: the list of models, the version in a header, one whole row. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ServingError } from '../../src/core/errors.ts';
import { numericTensor } from '../../src/core/tensor.ts';
import { signature, spec } from '../support/puppet-models.ts';
import { jsonOf, type RawAnswer, type RawConnection, RestHarness } from '../support/rest-harness.ts';

const rest = new RestHarness();
let connection: RawConnection;
const VERSION = 'x-pillion-model-version';
const X = { x: spec('float32', [-1], 'x:0') };

before(async () => {
  rest.models.add('m', { version: 7n });
  rest.models.add('m', { version: 3n, labels: ['stable'] });
  rest.models.add('late', { state: 'LOADING' });
  rest.models.add('late', { version: 2n, state: 'END', error: new ServingError('load_failed', 'no such file') });
  rest.models.add('whole', {
    version: 5n,
    signatures: {
      serving_default: signature(X, { loss: spec('float32', []), scores: spec('float32', [-1]) }, { kind: 'none' }),
    },
    behave: () =>
      new Map([
        ['loss', numericTensor('float32', [], Float32Array.of(0.5))],
        ['scores', numericTensor('float32', [3], Float32Array.of(1, 2, 3))],
      ]),
  });
  await rest.listen();
  connection = await rest.connect();
});

after(() => rest.close());

async function get(path: string, headers: readonly string[] = []): Promise<RawAnswer> {
  connection.get(path, headers);
  return connection.answer();
}

async function post(path: string, body: string, on = connection): Promise<RawAnswer> {
  on.post(path, body);
  return on.answer();
}

describe('GET /v1/models', () => {
  test('lists every model with what its status says', async () => {
    const { models } = jsonOf(await get('/v1/models')) as { models: { name: string; model_version_status: unknown }[] };
    assert.deepEqual(
      models.map(({ name }) => name),
      ['m', 'late', 'whole'],
    );
    for (const { name, ...status } of models) assert.deepEqual(status, jsonOf(await get(`/v1/models/${name}`)));
    assert.equal(rest.records.find(({ method }) => method === 'ListModels')?.outcome, 'ok');
  });

  test('HEAD has its length, and POST is told what to use', async () => {
    const whole = await get('/v1/models?x=1');
    connection.get('/V1/models', [], 'HEAD');
    const head = await connection.answer(false);
    assert.equal(head.headers.get('content-length'), String(whole.body.length));
    const wrong = await post('/v1/models', '{}');
    assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'GET, HEAD, OPTIONS']);
  });
});

describe('the version that answered', () => {
  test('is in a header of predict, whether it was named or not, on either lane', async () => {
    const plain = await rest.connect();
    for (const on of [plain, connection]) {
      for (const [path, version] of [
        ['/v1/models/m:predict', '7'],
        ['/v1/models/m/versions/3:predict', '3'],
        ['/v1/models/m/labels/stable:predict', '3'],
        ['/v1/models/m:predict', '7'],
      ] as const) {
        const answer = await post(path, '{"instances":[1]}', on);
        assert.deepEqual([answer.status, answer.headers.get(VERSION)], [200, version], path);
      }
    }
  });

  test('is in a header of metadata, of a status of one version, and of an error once it was chosen', async () => {
    assert.equal((await get('/v1/models/m/metadata')).headers.get(VERSION), '7');
    assert.equal((await get('/v1/models/m/versions/3')).headers.get(VERSION), '3');
    assert.equal((await get('/v1/models/m')).headers.has(VERSION), false, 'a status of all versions is of none');
    const refused = await post('/v1/models/m:predict', '{"instances":["text"]}');
    assert.deepEqual([refused.status, refused.headers.get(VERSION)], [400, '7']);
    for (const path of ['/v1/models/none:predict', '/v1/models/m/versions/9:predict', '/v1/models/late:predict']) {
      assert.equal((await post(path, '{"instances":[1]}')).headers.has(VERSION), false, path);
    }
    assert.equal((await get('/v1/models/m/versions/9')).headers.has(VERSION), false);
  });
});

describe('a model without a batch axis in row format', () => {
  test('gives the one row that was sent its outputs whole', async () => {
    const answer = await post('/v1/models/whole:predict', '{"instances":[1]}');
    assert.equal(answer.body.toString(), '{"predictions":[{"loss":0.5,"scores":[1.0,2.0,3.0]}]}');
    const columnar = await post('/v1/models/whole:predict', '{"inputs":[1]}');
    assert.equal(columnar.body.toString(), '{"outputs":{"loss":0.5,"scores":[1.0,2.0,3.0]}}');
  });

  test('refuses several rows, and names the output, its shape and the way out', async () => {
    const answer = await post('/v1/models/whole:predict', '{"instances":[1,2]}');
    assert.equal(answer.status, 400);
    assert.deepEqual(jsonOf(answer), {
      error:
        'output "loss" has shape [], a single value, so it has no row format; send one instance a request, or "inputs" instead of "instances"',
    });
  });
});
