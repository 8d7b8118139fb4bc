/** The APIs over a real server in this process, with models of a few words. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type LocalApp, localApp } from '../../../support/local-app.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import {
  embeddingOf,
  idsOf,
  LABELS,
  logitsOf,
  MOST_TOKENS,
  sigmoid,
  type TinyTask,
  writeTinyModel,
} from '../tiny-models.ts';

const LONG = 'red '.repeat(MOST_TOKENS);

/** A server with these models, named as their tasks. */
function serverWith(t: TestContext, tasks: readonly TinyTask[], declared = ''): Promise<LocalApp> {
  const base = tempDirectory(t);
  const models = tasks.map((task) => `--model=${task}=${writeTinyModel(join(base, task), task, declared)}`);
  return localApp(t, ...models);
}

function assertClose(got: readonly number[], wanted: readonly number[]): void {
  assert.equal(got.length, wanted.length);
  for (const [i, number] of got.entries()) assert.ok(Math.abs(number - wanted[i]!) < 1e-5, `${got} is not ${wanted}`);
}

describe("OpenAI's embeddings", () => {
  it('answers a text and a list of texts, as numbers and as base64', async (t) => {
    const app = await serverWith(t, ['embedding']);
    const one = await app.post('/v1/embeddings', { model: 'embedding', input: 'red cat' });
    assert.equal(one.status, 200);
    assertClose(one.body.data[0].embedding, embeddingOf('red cat'));
    const { embedding, ...rest } = one.body.data[0];
    assert.deepEqual(rest, { object: 'embedding', index: 0 });
    assert.ok(Array.isArray(embedding));
    assert.equal(one.body.object, 'list');
    assert.equal(one.body.model, 'embedding');
    assert.deepEqual(one.body.usage, { prompt_tokens: 4, total_tokens: 4 });

    const texts = ['red cat', 'tree', 'blue bird house'];
    const body = { model: 'embedding', input: texts, encoding_format: 'base64' };
    const many = await app.post('/v1/embeddings', body);
    for (const [i, text] of texts.entries()) {
      const bytes = Buffer.from(many.body.data[i].embedding, 'base64');
      assertClose([...new Float32Array(Uint8Array.from(bytes).buffer)], embeddingOf(text));
    }
    assert.equal(
      many.body.usage.prompt_tokens,
      texts.reduce((sum, text) => sum + idsOf(text).length, 0),
    );
  });

  it('has errors in the form that its clients read', async (t) => {
    const app = await serverWith(t, ['embedding', 'reranking']);
    const cases: readonly (readonly [object, number, object])[] = [
      [
        { model: 'nobody', input: 'a' },
        404,
        { type: 'invalid_request_error', param: 'model', code: 'model_not_found' },
      ],
      [{ model: 'reranking', input: 'a' }, 400, { type: 'invalid_request_error', param: null, code: null }],
      [{ model: 'embedding', input: [] }, 400, { type: 'invalid_request_error', param: 'input', code: null }],
      [{ model: 'embedding' }, 400, { type: 'invalid_request_error', param: 'input', code: null }],
      [{ model: 'embedding', input: 'a', n: 1 }, 400, { type: 'invalid_request_error', param: 'n', code: null }],
      [{ model: 'embedding', input: LONG }, 400, { type: 'invalid_request_error', param: null, code: null }],
      [
        { model: 'embedding', input: 'a', dimensions: 3 },
        400,
        { type: 'invalid_request_error', param: null, code: null },
      ],
    ];
    for (const [body, status, wanted] of cases) {
      const answer = await app.post('/v1/embeddings', body);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      const { message, ...error } = answer.body.error;
      assert.deepEqual(error, wanted, JSON.stringify(body));
      assert.ok(message.length > 10);
    }
  });

  it('cuts a text that is too long only where it is asked to', async (t) => {
    const app = await serverWith(t, ['embedding']);
    const answer = await app.post('/v1/embeddings', { model: 'embedding', input: LONG, truncate: true });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.usage.prompt_tokens, MOST_TOKENS);
  });

  it('gives fewer dimensions of a model that was trained so', async (t) => {
    const app = await serverWith(t, ['embedding'], '  dimensions: [2, 4]\n');
    const { body } = await app.post('/v1/embeddings', { model: 'embedding', input: 'red cat', dimensions: 2 });
    const [x, y] = embeddingOf('red cat') as [number, number];
    assertClose(body.data[0].embedding, [x / Math.hypot(x, y), y / Math.hypot(x, y)]);
  });

  it('reads a body of a megabyte, and a list of a thousand texts', async (t) => {
    const app = await serverWith(t, ['embedding']);
    const input = Array.from({ length: 1000 }, (_, i) => `${'red '.repeat(i % 5)}${' '.repeat(1000)}`);
    const { status, body } = await app.post('/v1/embeddings', { model: 'embedding', input });
    assert.equal(status, 200, JSON.stringify(body).slice(0, 300));
    assertClose(body.data[999].embedding, embeddingOf('red red red red'));
  });
});

describe('text-embeddings-inference', () => {
  it('embeds, for the only model of the task or the one in the path', async (t) => {
    const app = await serverWith(t, ['embedding', 'reranking']);
    for (const path of ['/embed', '/v1/models/embedding/tei/embed', '/v1/models/embedding/tei']) {
      const { status, body } = await app.post(path, { inputs: ['red cat', 'tree'] });
      assert.equal(status, 200, JSON.stringify(body));
      assertClose(body[0], embeddingOf('red cat'));
      assertClose(body[1], embeddingOf('tree'));
    }
    assertClose((await app.post('/embed', { inputs: 'tree' })).body[0], embeddingOf('tree'));
  });

  it('has the answers of small requests to large ones, of texts and of pairs', async (t) => {
    const app = await serverWith(t, ['embedding', 'reranking']);
    // The words of each stand before more space than is read at once.
    const words = ['red cat', 'tree', 'dog dog 東', ''];
    const inputs = words.map((text) => `${text}${' '.repeat(90_000)}`);
    const { status, body } = await app.post('/embed', { inputs });
    assert.equal(status, 200, JSON.stringify(body).slice(0, 300));
    for (const [i, text] of words.entries()) assertClose(body[i], embeddingOf(text));
    const small = await app.post('/v2/rerank', { model: 'reranking', query: 'cat', documents: words });
    const large = await app.post('/v2/rerank', { model: 'reranking', query: 'cat', documents: inputs });
    assert.equal(large.status, 200, JSON.stringify(large.body).slice(0, 300));
    assert.deepEqual(large.body.results, small.body.results);
  });

  it('scales embeddings of a model that does not to length 1', async (t) => {
    const app = await serverWith(t, ['embedding'], '  normalize: false\n');
    assertClose((await app.post('/embed', { inputs: 'red cat' })).body[0], embeddingOf('red cat'));
    const [raw] = (await app.post('/embed', { inputs: 'red cat', normalize: false })).body;
    assert.ok(Math.abs(Math.hypot(...raw) - 1) > 0.01);
  });

  it('gives all labels of a text, of a pair and of several, the likeliest first', async (t) => {
    const app = await serverWith(t, ['classification']);
    const { body } = await app.post('/predict', { inputs: 'red cat' });
    const exps = logitsOf(LABELS.length, 'red cat').map(Math.exp);
    const scores = exps.map((each) => each / exps.reduce((sum, other) => sum + other, 0));
    for (const { label, score } of body) assertClose([score], [scores[LABELS.indexOf(label)]!]);
    assert.deepEqual(
      body.map(({ score }: { score: number }) => score),
      body.map(({ score }: { score: number }) => score).sort((a: number, b: number) => b - a),
    );
    const pair = (await app.post('/predict', { inputs: ['red', 'cat'] })).body;
    const both = (await app.post('/predict', { inputs: [['red', 'cat'], ['red cat']] })).body;
    assert.deepEqual(both, [pair, body]);
  });

  it('ranks texts, with their scores or their logits', async (t) => {
    const app = await serverWith(t, ['reranking']);
    const texts = ['tree', 'blue bird', 'red cat'];
    const logits = texts.map((text) => logitsOf(1, 'red cat', text)[0]!);
    const order = [0, 1, 2].sort((a, b) => logits[b]! - logits[a]!);
    const { body } = await app.post('/rerank', { query: 'red cat', texts, return_text: true });
    assert.deepEqual(
      body.map(({ index }: { index: number }) => index),
      order,
    );
    for (const { index, score, text } of body) {
      assert.equal(text, texts[index]);
      assertClose([score], [sigmoid(logits[index]!)]);
    }
    const raw = (await app.post('/rerank', { query: 'red cat', texts, raw_scores: true })).body;
    for (const { index, score } of raw) assertClose([score], [logits[index]!]);
  });

  it('tells tokens with their places in the text’s bytes, and what the model is', async (t) => {
    const app = await serverWith(t, ['embedding']);
    const { status, body } = await app.post('/tokenize', { inputs: '😀 red dog' });
    assert.equal(status, 200, JSON.stringify(body));
    const kept = body[0].filter(({ special }: { special: boolean }) => !special);
    assert.deepEqual(kept, [
      { id: 1, text: '😀', special: false, start: 0, stop: 4 },
      { id: 4, text: 'red', special: false, start: 5, stop: 8 },
      { id: 8, text: 'dog', special: false, start: 9, stop: 12 },
    ]);
    assert.equal((await app.post('/tokenize', { inputs: 'red', add_special_tokens: false })).body[0].length, 1);
    const info = await app.get('/info');
    assert.equal(info.body.model_id, 'embedding');
    assert.equal(info.body.max_input_length, MOST_TOKENS);
    assert.equal((await app.get('/health')).status, 200);
  });

  it('refuses what it cannot do, in that form', async (t) => {
    const app = await serverWith(t, ['embedding']);
    const wrong: readonly (readonly [string, object, number])[] = [
      ['/embed', { inputs: LONG }, 400],
      ['/embed', { inputs: [] }, 400],
      ['/embed', { inputs: 'a', normalize: false }, 400],
      ['/embed', { inputs: 'a', truncation_direction: 'Left' }, 400],
      ['/rerank', { query: 'a', texts: ['b'] }, 404],
      ['/v1/models/nobody/tei/embed', { inputs: 'a' }, 404],
      ['/tokenize', { inputs: LONG }, 400],
      // More than a call may have arguments.
      ['/tokenize', { inputs: Array(200_000).fill('a') }, 413],
    ];
    for (const [path, body, status] of wrong) {
      const answer = await app.post(path, body);
      assert.equal(answer.status, status, `${path} ${JSON.stringify(answer.body)}`);
      assert.equal(answer.body.error_type, 'validation');
      assert.equal(typeof answer.body.error, 'string');
    }
  });

  it('wants a name where several models do the task', async (t) => {
    const base = tempDirectory(t);
    const models = ['a', 'b'].map((name) => `--model=${name}=${writeTinyModel(join(base, name), 'embedding')}`);
    const app = await localApp(t, ...models);
    const answer = await app.post('/embed', { inputs: 'red' });
    assert.equal(answer.status, 400);
    assert.match(answer.body.error, /a, b do this|"a"/);
    assert.equal((await app.post('/embed', { inputs: 'red', model: 'b' })).status, 200);
  });
});

describe("Cohere's and Jina's reranking", () => {
  it('ranks documents on both paths', async (t) => {
    const app = await serverWith(t, ['reranking']);
    const documents = ['tree', { text: 'blue bird' }, 'red cat'];
    const request = { model: 'reranking', query: 'red cat', documents };
    const logits = ['tree', 'blue bird', 'red cat'].map((text) => logitsOf(1, 'red cat', text)[0]!);
    const order = [0, 1, 2].sort((a, b) => logits[b]! - logits[a]!);
    for (const path of ['/v1/rerank', '/v2/rerank']) {
      const { status, body } = await app.post(path, request);
      assert.equal(status, 200, JSON.stringify(body));
      assert.deepEqual(
        body.results.map(({ index }: { index: number }) => index),
        order,
      );
      for (const { index, relevance_score: score } of body.results) assertClose([score], [sigmoid(logits[index]!)]);
      assert.equal((await app.post(path, { ...request, top_n: 2 })).body.results.length, 2);
    }
    const returned = await app.post('/v1/rerank', { ...request, return_documents: true, top_n: 1 });
    assert.equal(typeof returned.body.results[0].document.text, 'string');
  });

  it('ranks by logits, of which many have the same score in float32', async (t) => {
    const app = await serverWith(t, ['reranking'], '  max_tokens: 64\n');
    const documents = [20, 30, 25].map((count) => 'blue '.repeat(count));
    const { body } = await app.post('/v2/rerank', { query: 'blue', documents });
    const tei = await app.post('/rerank', { query: 'blue', texts: documents });
    for (const results of [body.results, tei.body]) {
      assert.deepEqual(
        results.map(({ index }: { index: number }) => index),
        [1, 2, 0],
      );
    }
  });

  it('has errors that both kinds of clients read', async (t) => {
    const app = await serverWith(t, ['reranking']);
    const answer = await app.post('/v2/rerank', { model: 'nobody', query: 'a', documents: ['b'] });
    assert.equal(answer.status, 404);
    assert.equal(answer.body.message, answer.body.detail);
    const none = await app.post('/v2/rerank', { model: 'reranking', query: 'a', documents: [] });
    assert.equal(none.status, 400);
    // The query stands in each row: 10 GB, if it were copied for each.
    const documents = new Array(100_000).fill('');
    const many = await app.post('/v2/rerank', { model: 'reranking', query: 'a'.repeat(100_000), documents });
    assert.equal(many.status, 413);
    assert.match(many.body.message, /has 200000 texts, and \d+ are the most/);
  });
});
