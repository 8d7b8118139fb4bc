/** Files as newer libraries write them, and labels of other schemes: what `npm test -- text-references` has found. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type LocalApp, localApp, modelDirectory } from '../../../support/local-app.ts';
import {
  classifier,
  distance,
  ENCODER,
  hiddenOf,
  idsOf,
  logitsOf,
  tokenClassifier,
  tokenizerFile,
} from '../text-models.ts';

const PATH = '/v1/models/m:predict';

function textApp(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): Promise<LocalApp> {
  return localApp(t, `--model=m=${modelDirectory(t, { 'tokenizer.json': tokenizerFile(), ...files })}`);
}

describe('files of sentence-transformers 6', () => {
  const modules = (...names: readonly string[]): string =>
    JSON.stringify(names.map((name) => ({ type: `sentence_transformers.base.modules.${name}`, path: '' })));
  const kind = (model_type: string): string => JSON.stringify({ model_type, prompts: {}, default_prompt_name: null });

  it('make a ranker, and no embeddings of one number', async (t) => {
    const app = await textApp(t, {
      'model.onnx': classifier(1),
      'modules.json': modules('transformer.Transformer'),
      'config_sentence_transformers.json': kind('CrossEncoder'),
      'config.json': '{"architectures": ["BertForSequenceClassification"], "id2label": {"0": "LABEL_0"}}',
    });
    const { status, body } = await app.post(PATH, { instances: [{ text: 'a cat', text_pair: 'the mat' }] });
    assert.equal(status, 200, JSON.stringify(body));
    const [logit] = logitsOf(hiddenOf(idsOf('a cat', 'the mat'))[0]!, 1);
    assert.ok(Math.abs(body.predictions[0] - 1 / (1 + Math.exp(-logit!))) < 1e-5);
  });

  it('of other kinds of models serve no texts', async (t) => {
    const files = {
      'model.onnx': ENCODER,
      'modules.json': modules('transformer.Transformer', 'splade_pooling.SpladePooling'),
      'config.json': '{"architectures": ["BertForMaskedLM"]}',
      'pillion.yaml': 'text: {max_tokens: 16}',
    };
    const sparse = { ...files, 'config_sentence_transformers.json': kind('SparseEncoder') };
    await assert.rejects(textApp(t, sparse), /neither pillion.yaml nor the files beside it say what it does/);
  });

  it('name the pooling in one key', async (t) => {
    const files = { 'model.onnx': ENCODER, 'modules.json': modules('transformer.Transformer', 'pooling.Pooling') };
    const pooled = (mode: unknown) => ({ ...files, '1_Pooling/config.json': JSON.stringify({ pooling_mode: mode }) });
    const app = await textApp(t, pooled('lasttoken'));
    const { body } = await app.post(PATH, { instances: ['a cat sat'] });
    assert.ok(distance(body.predictions[0], hiddenOf(idsOf('a cat sat')).at(-1)!) < 1e-5);
    const several = { ...pooled(['cls', 'mean']), 'pillion.yaml': 'text: {max_tokens: 16}' };
    await assert.rejects(textApp(t, several), /its pooling \(cls, mean\) is none of mean, cls, lasttoken and max/);
  });
});

it('entities of labels with other prefixes are named by what follows, and are joined only where all is equal', async (t) => {
  const labels = ['S-PER', 'E-PER', 'B-LOC', 'O'];
  const text = 'ada lovelace lives in london a cat sat on the mat good bad film';
  const best = hiddenOf(idsOf(text))
    .slice(1, -1)
    .map((vector) => logitsOf(vector, labels.length))
    .map((logits) => labels[logits.indexOf(Math.max(...logits))]!);
  const groups = best.filter((label, i) => label === 'B-LOC' || label !== best[i - 1]).filter((label) => label !== 'O');
  assert.ok(
    groups.some((label) => label.startsWith('S-') || label.startsWith('E-')),
    groups.join(' '),
  );
  const app = await textApp(t, {
    'model.onnx': tokenClassifier(labels.length),
    'pillion.yaml': `text: {task: token-classification, labels: [${labels.join(', ')}]}`,
  });
  const { body } = await app.post(PATH, { instances: [text] });
  assert.deepEqual(
    body.predictions[0].entities,
    groups.map((label) => label.slice(2)),
  );
});
