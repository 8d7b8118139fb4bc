/**
 * The clients for Node, unchanged:
 *
 *     text-clients.mjs CLIENT URL EXPECTED DIRECTORY       their packages are in DIRECTORY/node_modules
 */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const [, , client, url, expectedText, directory] = process.argv;
const expected = JSON.parse(expectedText);
const require = createRequire(join(directory, 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const TEXTS = ['red cat', 'a blue bird in the tree', 'house', 'green dog, red bird'];

function assertClose(got, wanted) {
  assert.equal(got.length, wanted.length);
  for (const [i, row] of got.entries()) {
    assert.equal(row.length, wanted[i].length);
    for (const [j, number] of row.entries()) assert.ok(Math.abs(number - wanted[i][j]) < 1e-5, `${i} ${j}`);
  }
}

const CLIENTS = {
  async openai() {
    const { default: OpenAI } = await load('openai');
    const api = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
    for (const encoding_format of [undefined, 'float']) {
      const { data, usage } = await api.embeddings.create({ model: 'embedder', input: TEXTS, encoding_format });
      assertClose(
        data.map(({ embedding }) => embedding),
        expected.embeddings,
      );
      assert.equal(usage.prompt_tokens, expected.tokens);
    }
    await assert.rejects(api.embeddings.create({ model: 'nobody', input: 'a' }), (error) => {
      assert.equal(error.status, 404);
      assert.equal(error.code, 'model_not_found');
      return true;
    });
  },
  async cohere() {
    const { CohereClientV2 } = await load('cohere-ai');
    const api = new CohereClientV2({ token: 'none', environment: url });
    const { results } = await api.rerank({ model: 'reranker', query: TEXTS[0], documents: TEXTS });
    assert.deepEqual(
      results.map(({ index }) => index),
      expected.ranks.map(([index]) => index),
    );
  },
  async huggingface() {
    const { InferenceClient } = await load('@huggingface/inference');
    const api = new InferenceClient().endpoint(`${url}/v1/models/embedder/tei`);
    assertClose(await api.featureExtraction({ inputs: TEXTS }), expected.embeddings);
  },
};

await CLIENTS[client]();
process.stdout.write('ok\n');
