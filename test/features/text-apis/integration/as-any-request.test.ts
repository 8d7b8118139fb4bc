/** Requests of these APIs are requests as any other: permissions, deadlines, records, a prefix. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { newKey } from '../../../../src/cli/key.ts';
import { writeAccessFile } from '../../../support/access-file.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { type LocalApp, localApp } from '../../../support/local-app.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { type TinyTask, writeTinyModel } from '../tiny-models.ts';

function appWith(t: TestContext, models: Readonly<Record<string, TinyTask>>, ...flags: string[]): Promise<LocalApp> {
  const base = tempDirectory(t);
  const named = Object.entries(models).map(([name, task]) => {
    return `--model=${name}=${writeTinyModel(join(base, name), task)}`;
  });
  return localApp(t, ...named, ...flags);
}

it('asks who may ask which model, in each form', { skip: !hasFeature('authorization') }, async (t) => {
  const [mine, nobodys] = [newKey(), newKey()];
  const directory = tempDirectory(t);
  const file = writeAccessFile(directory, [
    { name: 'reader', keys: [mine.hash], may: [{ models: ['a', 'ranker'], methods: ['predict'] }] },
  ]);
  const models = { a: 'embedding', b: 'embedding', ranker: 'reranking' } as const;
  const app = await appWith(t, models, `--authorization_file=${file}`);
  const by = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

  const embed = (model: string) => ({ model, input: 'red' });
  assert.equal((await app.post('/v1/embeddings', embed('a'), by(mine.key))).status, 200);
  const forbidden = await app.post('/v1/embeddings', embed('b'), by(mine.key));
  assert.equal(forbidden.status, 403);
  // The same for a model that is not there: nobody learns which models there are.
  assert.deepEqual(await app.post('/v1/embeddings', embed('nobody'), by(mine.key)), forbidden);
  const unknown = await app.post('/v1/embeddings', embed('a'), by(nobodys.key));
  assert.equal(unknown.status, 401);
  assert.equal(unknown.body.error.code, 'invalid_api_key');
  // A request without a name means the only model that its caller may ask.
  assert.equal((await app.post('/embed', { inputs: 'red' }, by(mine.key))).status, 200);
  assert.equal((await app.post('/v1/models/b/tei/embed', { inputs: 'red' }, by(mine.key))).status, 403);
  assert.equal((await app.post('/v1/models/b/tei/tokenize', { inputs: 'red' }, by(mine.key))).status, 403);
  assert.equal((await app.post('/v1/models/b/tei', { query: 'red' }, by(mine.key))).status, 403);
  const ranking = { model: 'ranker', query: 'red', documents: ['cat'] };
  assert.equal((await app.post('/v2/rerank', ranking, by(mine.key))).status, 200);
  assert.equal((await app.post('/v2/rerank', ranking, by(nobodys.key))).status, 401);
});

it('keeps the deadline of a request', async (t) => {
  const app = await appWith(t, { a: 'embedding' });
  const late = await app.post('/v1/embeddings', { model: 'a', input: 'red' }, { 'grpc-timeout': '1n' });
  assert.equal(late.status, 504);
  assert.equal(late.body.error.code, 'timeout');
});

it('is a Predict of its model in the metrics', { skip: !hasFeature('prometheus') }, async (t) => {
  const app = await appWith(t, { a: 'embedding' });
  await app.post('/v1/embeddings', { model: 'a', input: ['red', 'cat'] });
  await app.post('/v1/embeddings', { model: 'nobody', input: ['red', 'cat'] });
  const page = await (await fetch(`${app.rest}/monitoring/prometheus/metrics`)).text();
  const ended = page.split('\n').filter((line) => line.startsWith('pillion_request_duration_seconds_count{'));
  const ofModel = ended.filter((line) => line.includes('method="Predict",model="a"'));
  assert.equal(ofModel.length, 1);
  assert.match(ofModel[0]!, /outcome="ok"\} 1$/);
});

it('is below the prefix, where there is one', async (t) => {
  const app = await appWith(t, { a: 'embedding' }, '--inference_path_prefix=/infer');
  const body = { model: 'a', input: 'red' };
  assert.equal((await app.post('/infer/v1/embeddings', body)).status, 200);
  assert.equal((await app.post('/infer/v1/models/a/tei/embed', { inputs: 'red' })).status, 200);
  assert.equal((await app.post('/v1/embeddings', body)).status, 404);
});

it('is refused beyond the limits of its caller, with the time to come again', {
  skip: !hasFeature('caller-limits'),
}, async (t) => {
  const models = { a: 'embedding', ranker: 'reranking' } as const;
  const app = await appWith(t, models, '--caller_requests_per_s=1', '--caller_header=x-caller');
  const cases = [
    ['/v1/embeddings', { model: 'a', input: 'red' }, /"code":"rate_limit_exceeded"/],
    ['/embed', { inputs: 'red' }, /"error_type":"overloaded"/],
    ['/tokenize', { inputs: 'red', model: 'a' }, /"error_type":"overloaded"/],
    ['/v2/rerank', { query: 'red', documents: ['cat'] }, /"message":/],
  ] as const;
  for (const [path, body, form] of cases) {
    const sent = { method: 'POST', headers: { 'x-caller': path }, body: JSON.stringify(body) };
    const ask = () => fetch(`${app.rest}${path}`, sent);
    // One a second is let through, so that most are refused.
    const answers = await Promise.all(Array.from({ length: 20 }, ask));
    const refused = answers.find(({ status }) => status === 429);
    assert.ok(Number(refused?.headers.get('retry-after')) >= 1, path);
    assert.match(await refused!.text(), form);
    await Promise.all(answers.map((answer) => (answer === refused ? undefined : answer.text())));
  }
});

it('has no paths at the root where no model takes texts', async (t) => {
  const app = await localApp(t, '--model=half=examples/half_plus_two/models/half_plus_two');
  const paths = ['/', '/embed', '/rerank', '/predict', '/tokenize', '/v1/embeddings', '/v1/rerank', '/v2/rerank'];
  for (const path of paths) assert.equal((await app.post(path, {})).status, 404, path);
  for (const path of ['/health', '/info']) {
    const { status, body } = await app.get(path);
    assert.equal(status, 404);
    assert.match(body.error, /^no such path/);
  }
  const other = await app.post('/v1/models/half/tei/embed', { inputs: 'red' });
  assert.equal(other.status, 400);
  assert.match(other.body.error, /takes no texts/);
});

it('describes paths at the root while a model takes texts', { skip: !hasFeature('openapi') }, async (t) => {
  const root = ['/', '/embed', '/rerank', '/predict', '/tokenize', '/v1/embeddings', '/v1/rerank', '/v2/rerank'];
  const described = async (app: LocalApp) => Object.keys((await app.get('/openapi.json')).body.paths);
  const without = await described(await localApp(t, '--model=half=examples/half_plus_two/models/half_plus_two'));
  for (const path of [...root, '/health', '/info']) assert.ok(!without.includes(path), path);
  assert.ok(without.includes('/v1/models/{model}/tei/embed'));
  const having = await described(await appWith(t, { a: 'embedding' }));
  for (const path of [...root, '/health', '/info']) assert.ok(having.includes(path), path);
});

it('tells of models that take no texts, in the form of the API', async (t) => {
  const base = writeTinyModel(join(tempDirectory(t), 'a'), 'embedding');
  const app = await localApp(t, '--model=half=examples/half_plus_two/models/half_plus_two', `--model=a=${base}`);
  const none = await app.post('/predict', { inputs: 'red' });
  assert.equal(none.status, 404);
  assert.equal(none.body.error_type, 'validation');
  const other = await app.post('/v1/embeddings', { model: 'half', input: 'red' });
  assert.equal(other.status, 400);
  assert.match(other.body.error.message, /takes no texts/);
});
