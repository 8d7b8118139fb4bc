import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { type LocalApp, localApp, modelDirectory } from '../../../support/local-app.ts';
import { distance, ENCODER, embeddingOf, tokenizerFile, WORDS } from '../text-models.ts';

const PATH = '/v1/models/m:predict';
const YAML = 'text: {task: embedding, max_tokens: 16}';

function appWith(t: TestContext, tokenizer: string, yaml = YAML): Promise<LocalApp> {
  const files = { 'model.onnx': ENCODER, 'tokenizer.json': tokenizer, 'pillion.yaml': yaml };
  return localApp(t, `--model=m=${modelDirectory(t, files)}`);
}

async function answersWell(app: LocalApp, text = 'a cat'): Promise<void> {
  const { status, body } = await app.post(PATH, { instances: [text] });
  assert.equal(status, 200, JSON.stringify(body));
  assert.ok(distance(body.predictions[0], embeddingOf(text)) < 1e-5);
}

/** A normaliser that makes 2^times of each letter z. */
function doubling(times: number): string {
  const replace = { type: 'Replace', pattern: { String: 'z' }, content: 'zz' };
  return tokenizerFile({ normalizer: { type: 'Sequence', normalizers: new Array(times).fill(replace) } });
}

describe('a tokenizer that harms', () => {
  it('loses its process and one request, where it takes memory without end', {
    skip: process.platform !== 'linux',
  }, async (t) => {
    const app = await appWith(t, doubling(45));
    await answersWell(app);
    const neighbours = Array.from({ length: 4 }, () => answersWell(app, 'the mat'));
    const { status, body } = await app.post(PATH, { instances: ['a cat', 'z'] });
    assert.equal(status, 500);
    assert.match(body.error, /one of the texts 0 to 1 cannot be tokenized/);
    await Promise.all(neighbours);
    await answersWell(app);
  });

  it('is ended where it takes time without end', async (t) => {
    // Each letter of a long word is found after all longer parts of the word have been looked up.
    const vocab = Object.fromEntries([...WORDS, 'z', '##z'].map((word, id) => [word, Math.min(id, WORDS.length - 1)]));
    const model = {
      type: 'WordPiece',
      vocab,
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 1e9,
    };
    const file = tokenizerFile({ model });
    const app = await appWith(t, file);
    await answersWell(app);
    const [bad] = await Promise.all([
      app.post(PATH, { instances: ['z'.repeat(60_000)] }),
      // It comes behind the other one, and waits for the next process.
      answersWell(app, 'the mat'),
    ]);
    assert.equal(bad.status, 500);
    assert.match(bad.body.error, /text 0 cannot be tokenized/);
    await answersWell(app);
  });

  it('is refused at load with its fault', async (t) => {
    const base = modelDirectory(t, {
      'model.onnx': ENCODER,
      'pillion.yaml': YAML,
      'tokenizer.json': '{"version": "1.0"}',
    });
    await assert.rejects(
      localApp(t, `--model=m=${base}`),
      /tokenizer.json is no tokenizer that can be read: Model missing/,
    );
  });

  it('is refused at load where it has too many bytes, or is not there', async (t) => {
    const base = modelDirectory(t, { 'model.onnx': ENCODER, 'pillion.yaml': YAML });
    writeFileSync(join(base, '1', 'tokenizer.json'), '');
    truncateSync(join(base, '1', 'tokenizer.json'), 65 * 2 ** 20);
    const none = modelDirectory(t, {
      'model.onnx': ENCODER,
      'pillion.yaml': 'text: {tokenizer: ../../x.json, task: embedding}',
    });
    await assert.rejects(localApp(t, `--model=m=${base}`), /has 68157440 bytes, and 67108864 are the most/);
    await assert.rejects(localApp(t, `--model=m=${none}`), /is not in the version's directory/);
  });
});

describe('the limits of a request', () => {
  it('name the text and the character', async (t) => {
    const limits = '{texts: 4, characters_per_text: 20, characters: 30, tokens: 12}';
    const app = await appWith(t, tokenizerFile(), `text: {task: embedding, max_tokens: 6, limits: ${limits}}`);
    const refusal = async (body: object): Promise<readonly [number, string]> => {
      const answer = await app.post(PATH, body);
      return [answer.status, answer.body.error];
    };
    const cases: readonly (readonly [body: object, status: number, text: RegExp])[] = [
      [{ instances: ['a', 'a', 'a', 'a', 'a'] }, 413, /has 5 texts, and 4 are the most/],
      [{ instances: ['a', 'é'.repeat(21)] }, 413, /text 1 has 21 characters, and 20 characters are the most/],
      [{ instances: ['a'.repeat(20), 'b'.repeat(20)] }, 413, /have 40 characters together, and 30 are the most/],
      [{ instances: ['a a a a', 'cat a a a', 'mat a a a'] }, 413, /have 18 tokens together, and 12 are the most/],
      [
        { instances: [{ text: 'a cat sat on the mat', truncate: false }] },
        400,
        /text 0 has more than 6 tokens.*end at character 12/,
      ],
      [
        { instances: [{ b64: Buffer.from([0x61, 0xc3, 0xa9, 0xff]).toString('base64') }] },
        400,
        /text 0 is not valid UTF-8 at character 2 \(byte 3\)/,
      ],
    ];
    for (const [body, status, text] of cases) {
      const answer = await refusal(body);
      assert.equal(answer[0], status, answer[1]);
      assert.match(answer[1], text);
    }
    // What is too long is cut by default.
    assert.equal((await app.post(PATH, { instances: ['a cat sat on the mat'] })).status, 200);
    await answersWell(app, '');
    await answersWell(app, 'a \0 cat');
  });
});

describe('a version with a tokenizer', () => {
  it('takes tokens where nothing says what it does, or its owner wants that', async (t) => {
    for (const yaml of ['', 'text: off']) {
      const app = await appWith(t, tokenizerFile(), yaml);
      const inputs = { input_ids: [[2, 3]], attention_mask: [[1, 1]] };
      assert.equal((await app.post(PATH, { inputs })).status, 200);
    }
  });

  it('takes tokens where what lies beside it cannot be used', async (t) => {
    const files = [
      { 'tokenizer.json': '{"version": "1.0"}', 'config.json': '{"architectures": ["BertForMaskedLM"]}' },
      { 'tokenizer.json': tokenizerFile(), 'config.json': '{' },
    ];
    for (const beside of files) {
      const app = await localApp(t, `--model=m=${modelDirectory(t, { 'model.onnx': ENCODER, ...beside })}`);
      const inputs = { input_ids: [[2, 3]], attention_mask: [[1, 1]] };
      assert.equal((await app.post(PATH, { inputs })).status, 200);
      assert.match(JSON.stringify((await app.get('/v1/models/m/metadata')).body), /input_ids/);
    }
  });

  it('is not loaded where its owner says what the graph cannot do', async (t) => {
    const wrong = appWith(t, tokenizerFile(), 'text: {task: classification}');
    await assert.rejects(wrong, /has the shape \[-1, -1, 8\], but classification wants 2 dims/);
  });
});
