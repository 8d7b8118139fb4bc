/** Tests what a version's tokenizer is asked for: room for a text's own tokens, and space at the ends of texts. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type LocalApp, localApp, modelDirectory } from '../../../support/local-app.ts';
import { classifier, distance, ENCODER, embeddingOf, tokenClassifier, tokenizerFile } from '../text-models.ts';

const PATH = '/v1/models/m:predict';

function appWith(t: TestContext, yaml: string, graph = ENCODER, tokenizer = tokenizerFile()): Promise<LocalApp> {
  const files = { 'model.onnx': graph, 'tokenizer.json': tokenizer, 'pillion.yaml': yaml };
  return localApp(t, `--model=m=${modelDirectory(t, files)}`);
}

describe('max_tokens', () => {
  it('has room for the special tokens of the tokenizer and one of the text', async (t) => {
    const refused = appWith(t, 'text: {task: embedding, max_tokens: 2}');
    await assert.rejects(
      refused,
      /a text is cut to 2 tokens, and the tokenizer adds 2 special ones to it: let max_tokens.* be 3/,
    );
    const app = await appWith(t, 'text: {task: embedding, max_tokens: 3}');
    const { body } = await app.post(PATH, { instances: ['cat sat on the mat'] });
    assert.ok(distance(body.predictions[0], embeddingOf('cat')) < 1e-5, JSON.stringify(body));
  });

  it('has it for pairs, where the task takes them', async (t) => {
    for (const [task, classes] of [
      ['reranking', 1],
      ['classification', 2],
    ] as const) {
      const refused = appWith(t, `text: {task: ${task}, max_tokens: 3}`, classifier(classes));
      await assert.rejects(refused, /a pair of texts is cut to 3 tokens, and the tokenizer adds 3 special ones/);
    }
    const app = await appWith(t, 'text: {task: reranking, max_tokens: 4}', classifier(1));
    const { status } = await app.post(PATH, { instances: [{ text: 'a cat', text_pair: 'the mat' }] });
    assert.equal(status, 200);
  });
});

describe('limits.tokens', () => {
  it('ends a request after the slice that passes it', async (t) => {
    const app = await appWith(t, 'text: {task: embedding, limits: {tokens: 1000}}');
    const texts = Array.from({ length: 2000 }, (_, i) => `cat ${i} sat on`);
    const { status, body } = await app.post(PATH, { instances: texts });
    assert.equal(status, 413);
    // Of 128 texts a slice: the second one passes it.
    assert.match(body.error, /the first 256 of 2000 texts have 1536 tokens together, and 1000 are the most/);
  });
});

describe('strip', () => {
  // A space is an unknown token of its own.
  const keeps = tokenizerFile({
    pre_tokenizer: { type: 'Split', pattern: { Regex: '\\s' }, behavior: 'Isolated', invert: false },
  });
  const TEXT = '\u001c a cat \n\u3000';

  it('removes the space at the ends of texts, as sentence-transformers before 5.4 did, and nothing without it', async (t) => {
    for (const [strip, wanted] of [
      [false, '? ? a ? cat ? ? ?'],
      [true, 'a ? cat'],
    ] as const) {
      const app = await appWith(t, `text: {task: embedding, strip: ${strip}}`, ENCODER, keeps);
      const { body } = await app.post(PATH, { instances: [TEXT] });
      assert.ok(distance(body.predictions[0], embeddingOf(wanted)) < 1e-5, JSON.stringify(body));
    }
  });

  it('comes after the prompt, so that space between both stays', async (t) => {
    const yaml = 'text: {task: embedding, strip: true, prompts: {query: " the"}, default_prompt: query}';
    const app = await appWith(t, yaml, ENCODER, keeps);
    const { body } = await app.post(PATH, { instances: [' cat '] });
    assert.ok(distance(body.predictions[0], embeddingOf('the ? cat')) < 1e-5);
  });

  it('leaves places where they are in the text as it came', async (t) => {
    const yaml = 'text: {task: token-classification, labels: [A, B, C], strip: true, aggregation: none}';
    const found = async (strip: string): Promise<Record<string, number[]>> => {
      const app = await appWith(t, yaml.replace('strip: true', strip), tokenClassifier(3));
      return (await app.post(PATH, { inputs: { text: ['\u3000 a cat sat \n'] } })).body.outputs;
    };
    const [stripped, plain] = [await found('strip: true'), await found('strip: false')];
    assert.deepEqual(stripped, plain);
    assert.deepEqual((stripped['starts'] as unknown as number[][])[0], [2, 4, 8]);
    const app = await appWith(t, 'text: {task: embedding, strip: true, max_tokens: 4}');
    const long = await app.post(PATH, { instances: [{ text: '  a cat sat', truncate: false }] });
    assert.match(long.body.error, /they end at character 7/);
  });
});
