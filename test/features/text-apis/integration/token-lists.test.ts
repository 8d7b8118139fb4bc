/** Lists of tokens in place of texts, as OpenAI's clients may send them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type LocalApp, localApp } from '../../../support/local-app.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { embeddingOf, idsOf, MOST_TOKENS, writeTinyModel } from '../tiny-models.ts';

/** A server with the model `embedding`. */
function embedder(t: TestContext): Promise<LocalApp> {
  return localApp(t, `--model=embedding=${writeTinyModel(join(tempDirectory(t), 'embedding'), 'embedding')}`);
}

function assertClose(got: readonly number[], wanted: readonly number[]): void {
  assert.equal(got.length, wanted.length);
  for (const [i, number] of got.entries()) assert.ok(Math.abs(number - wanted[i]!) < 1e-5, `${got} is not ${wanted}`);
}

describe('lists of tokens', () => {
  it('are the texts that they stand for', async (t) => {
    const app = await embedder(t);
    const ids = (text: string): readonly number[] => idsOf(text).slice(1, -1);
    for (const input of [ids('red cat'), [ids('red cat'), ids('tree')]]) {
      const { status, body } = await app.post('/v1/embeddings', { model: 'embedding', input });
      assert.equal(status, 200, JSON.stringify(body));
      assertClose(body.data[0].embedding, embeddingOf('red cat'));
    }
  });

  it('may have the special tokens around them, which no list gets twice', async (t) => {
    const app = await embedder(t);
    const [cls, red, cat, sep] = idsOf('red cat') as [number, number, number, number];
    const full = idsOf('red '.repeat(MOST_TOKENS - 2));
    const input = [[cls, red, cat, sep], [red, cat], full, [cls, sep]];
    const { status, body } = await app.post('/v1/embeddings', { model: 'embedding', input });
    assert.equal(status, 200, JSON.stringify(body));
    const texts = ['red cat', 'red cat', 'red '.repeat(MOST_TOKENS - 2), ''];
    for (const [i, text] of texts.entries()) assertClose(body.data[i].embedding, embeddingOf(text));
    const tokens = texts.reduce((sum, text) => sum + idsOf(text).length, 0);
    assert.equal(body.usage.prompt_tokens, tokens);
    // Some of them, or in another order, are the caller's own words.
    const some = [
      [cls, red, cat],
      [red, cat, sep],
      [sep, red, cls],
    ];
    const alone = await app.post('/v1/embeddings', { model: 'embedding', input: some });
    assert.equal(alone.status, 200, JSON.stringify(alone.body));
    assert.equal(alone.body.usage.prompt_tokens, 3 * 5);
  });

  it('are refused where they are no text’s, or no tokens', async (t) => {
    const app = await embedder(t);
    const wrong = [
      [99_999],
      [4, 99_999],
      [-1],
      [0.5],
      [2 ** 31],
      [[4], []],
      [[4], 'red'],
      Array(MOST_TOKENS + 1).fill(4),
    ];
    for (const input of wrong) {
      const answer = await app.post('/v1/embeddings', { model: 'embedding', input });
      assert.equal(answer.status, 400, JSON.stringify([input, answer.body]));
      assert.equal(answer.body.error.param, 'input');
    }
    const long = await app.post('/v1/embeddings', { model: 'embedding', input: [[4], Array(200).fill(4)] });
    assert.match(long.body.error.message, /list 1 has 200 tokens, and 16 are the most/);
    assert.equal((await app.post('/v1/embeddings', { model: 'embedding', input: 'red' })).status, 200);
  });
});
