import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it, type TestContext } from 'node:test';
import { hasFeature } from '../../../support/has-feature.ts';
import { type LocalApp, localApp, modelDirectory } from '../../../support/local-app.ts';
import {
  classifier,
  distance,
  ENCODER,
  embeddingOf,
  hiddenOf,
  idsOf,
  logitsOf,
  softmaxOf,
  tokenClassifier,
  tokenizerFile,
  WORDS,
} from '../text-models.ts';

const CLOSE = 1e-5;
const PATH = '/v1/models/m:predict';
const TEXTS = ['a cat sat on the mat', 'Ada Lovelace lives in London', 'good film', 'a', 'a cat sat on the mat'];

type Files = Readonly<Record<string, string | Uint8Array>>;

function textApp(t: TestContext, files: Files): Promise<LocalApp> {
  return localApp(t, `--model=m=${modelDirectory(t, { 'tokenizer.json': tokenizerFile(), ...files })}`);
}

function config(architecture: string, labels: readonly string[] = []): string {
  const id2label = Object.fromEntries(labels.map((label, id) => [id, label]));
  return JSON.stringify({ architectures: [architecture], id2label, max_position_embeddings: 16 });
}

const EMBEDDER: Files = { 'model.onnx': ENCODER, 'pillion.yaml': 'text: {task: embedding, max_tokens: 16}' };

describe('embedding', () => {
  it('is the mean of the vectors of tokens, over every protocol', async (t) => {
    const app = await textApp(t, EMBEDDER);
    const wanted = TEXTS.map((text) => embeddingOf(text));
    const rows = (await app.post(PATH, { instances: TEXTS })).body.predictions as number[][];
    assert.ok(distance(rows.flat(), wanted.flat()) < CLOSE);
    const columns = (await app.post(PATH, { inputs: { text: TEXTS } })).body.outputs as number[][];
    assert.deepEqual(columns, rows);
    const texts = { shape: [TEXTS.length], dtype: 'DT_STRING', string_val: TEXTS.map((text) => Buffer.from(text)) };
    const tensor = {
      dtype: 'DT_STRING',
      tensor_shape: { dim: [{ size: TEXTS.length }] },
      string_val: texts.string_val,
    };
    const answer = await app.call('tensorflow.serving.PredictionService', 'Predict', {
      model_spec: { name: 'm' },
      inputs: { text: tensor },
    });
    const embedding = (
      answer as unknown as { outputs: Record<string, { tensor_content: Buffer; float_val: number[] }> }
    ).outputs['embedding']!;
    const floats = embedding.float_val.length > 0 ? embedding.float_val : floatsOf(embedding.tensor_content);
    assert.ok(distance(floats, wanted.flat()) < CLOSE);
  });

  it('is an answer of the Open Inference Protocol', { skip: !hasFeature('open-inference') }, async (t) => {
    const app = await textApp(t, EMBEDDER);
    for (const shape of [[TEXTS.length], [TEXTS.length, 1]]) {
      const input = { name: 'text', datatype: 'BYTES', shape, data: TEXTS };
      const { body } = await app.post('/v2/models/m/infer', { inputs: [input] });
      assert.ok(
        distance(
          body.outputs[0].data,
          TEXTS.flatMap((text) => embeddingOf(text)),
        ) < CLOSE,
      );
    }
  });

  it('has prompts, fewer dimensions and counts of tokens where a request asks for them', async (t) => {
    const yaml = 'text: {task: embedding, dimensions: [2, 4], prompts: {query: "the "}, default_prompt: query}';
    const app = await textApp(t, { ...EMBEDDER, 'pillion.yaml': yaml });
    const predict = async (row: object): Promise<number[]> =>
      (await app.post(PATH, { instances: [row] })).body.predictions[0];
    assert.ok(distance(await predict({ text: 'cat', prompt: 'query' }), embeddingOf('the cat')) < CLOSE);
    assert.ok(distance(await predict({ text: 'cat' }), embeddingOf('the cat')) < CLOSE);
    assert.ok(distance(await predict({ text: 'cat', dimensions: 4 }), embeddingOf('the cat', 4)) < CLOSE);
    const bad = await app.post(PATH, { instances: [{ text: 'cat', prompt: 'passage' }] });
    assert.equal(bad.status, 400);
    assert.match(bad.body.error, /text 0 names the prompt "passage"; the model's are "query"/);
    const wide = await app.post(PATH, { instances: [{ text: 'cat', dimensions: 3 }] });
    assert.match(wide.body.error, /"dimensions" is 3, but the model has embeddings of 2, 4/);
    const counted = await app.call('tensorflow.serving.PredictionService', 'Predict', {
      model_spec: { name: 'm' },
      inputs: { text: { dtype: 'DT_STRING', tensor_shape: { dim: [{ size: 1 }] }, string_val: [Buffer.from('cat')] } },
      output_filter: ['token_count'],
    });
    assert.deepEqual(Object.keys((counted as unknown as { outputs: object }).outputs), ['token_count']);
  });

  it('leaves the tokens of the graph to who sends them', async (t) => {
    const app = await textApp(t, EMBEDDER);
    const ids = idsOf('a cat');
    const inputs = { input_ids: [ids], attention_mask: [ids.map(() => 1)] };
    const { body } = await app.post(PATH, { signature_name: 'tokens', inputs });
    assert.ok(distance(body.outputs[0].flat(), hiddenOf(ids).flat()) < CLOSE);
  });
});

describe('classes of texts', () => {
  it('are those of the highest score, of texts and of pairs', async (t) => {
    const labels = ['positive', 'negative', 'neutral'];
    const files = { 'model.onnx': classifier(3), 'config.json': config('BertForSequenceClassification', labels) };
    const app = await textApp(t, files);
    const pairs = ['', 'bad film', '', 'the mat', 'a'];
    const instances = TEXTS.map((text, i) => ({ text, text_pair: pairs[i] }));
    const { body } = await app.post(PATH, { instances });
    TEXTS.forEach((text, i) => {
      const scores = softmaxOf(logitsOf(hiddenOf(idsOf(text, pairs[i] || undefined))[0]!, 3));
      const best = scores.indexOf(Math.max(...scores));
      assert.equal(body.predictions[i].label, labels[best]);
      assert.ok(Math.abs(body.predictions[i].score - scores[best]!) < CLOSE);
    });
    assert.equal((await app.post(PATH, { instances: TEXTS })).body.predictions.length, TEXTS.length);
  });

  it('are scores of pairs where there is one', async (t) => {
    const files = { 'model.onnx': classifier(1), 'config.json': config('BertForSequenceClassification', ['LABEL_0']) };
    const app = await textApp(t, files);
    const instances = ['a cat', 'good film', ''].map((text_pair) => ({ text: 'the mat', text_pair }));
    const { body } = await app.post(PATH, { instances });
    instances.forEach(({ text, text_pair }, i) => {
      const [logit] = logitsOf(hiddenOf(idsOf(text, text_pair))[0]!, 1);
      assert.ok(Math.abs(body.predictions[i] - 1 / (1 + Math.exp(-logit!))) < CLOSE);
    });
    assert.equal((await app.post(PATH, { instances: ['alone'] })).status, 400);
  });
});

describe('entities of a text', () => {
  it('have places in code points, and their tokens are joined', async (t) => {
    const labels = ['O', 'B-PER', 'I-PER', 'B-LOC'];
    const files = { 'model.onnx': tokenClassifier(4), 'config.json': config('BertForTokenClassification', labels) };
    const app = await textApp(t, files);
    const texts = ['😀 Ada Lovelace lives in London', 'a cat'];
    const { body } = await app.post(PATH, { inputs: { text: texts } });
    texts.forEach((text, row) => {
      const wanted = entitiesOf(text, labels);
      const count = (body.outputs.entities[row] as string[]).filter((label) => label !== '').length;
      assert.equal(count, wanted.length);
      wanted.forEach((entity, i) => {
        assert.equal(body.outputs.entities[row][i], entity.label);
        const place = [body.outputs.starts[row][i], body.outputs.ends[row][i]];
        assert.deepEqual(place, [entity.start, entity.end]);
        assert.ok(Math.abs(body.outputs.scores[row][i] - entity.score) < CLOSE);
      });
    });
  });
});

describe('the token of a mask', () => {
  it('is the likeliest of all', async (t) => {
    const files = {
      'model.onnx': tokenClassifier(WORDS.length),
      'config.json': config('BertForMaskedLM'),
      'tokenizer_config.json': '{"mask_token": "[MASK]"}',
      'pillion.yaml': 'text: {top_k: 3}',
    };
    const app = await textApp(t, files);
    const text = 'a [MASK] sat on the mat';
    const { body } = await app.post(PATH, { instances: [text, 'the [MASK]', text] });
    const logits = logitsOf(hiddenOf(idsOf(text))[2]!, WORDS.length);
    const scores = softmaxOf(logits);
    const best = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!).slice(0, 3);
    assert.deepEqual(body.predictions[0].token_ids, best);
    assert.deepEqual(
      body.predictions[0].tokens,
      best.map((id) => WORDS[id]),
    );
    assert.ok(
      distance(
        body.predictions[0].scores,
        best.map((id) => scores[id]!),
      ) < CLOSE,
    );
    assert.deepEqual(body.predictions[2], body.predictions[0]);
    const none = await app.post(PATH, { instances: [text, 'the mat'] });
    assert.match(none.body.error, /text 1 has no \[MASK\]/);
  });
});

function floatsOf(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

interface Entity {
  readonly label: string;
  readonly score: number;
  readonly start: number;
  readonly end: number;
}

/** As transformers joins them, by its description. */
function entitiesOf(text: string, labels: readonly string[]): readonly Entity[] {
  const words = [...text.matchAll(/\S+/gu)];
  const hidden = hiddenOf(idsOf(text));
  const groups: { label: string; scores: number[]; start: number; end: number; begins: boolean }[] = [];
  words.forEach((word, i) => {
    const scores = softmaxOf(logitsOf(hidden[i + 1]!, labels.length));
    const best = scores.indexOf(Math.max(...scores));
    const label = labels[best]!;
    const kind = label.replace(/^[BI]-/, '');
    const start = [...text.slice(0, word.index)].length;
    const end = start + [...word[0]].length;
    const last = groups.at(-1);
    if (last?.label === kind && !label.startsWith('B-')) {
      last.scores.push(scores[best]!);
      last.end = end;
    } else groups.push({ label: kind, scores: [scores[best]!], start, end, begins: label.startsWith('B-') });
  });
  return groups
    .filter(({ label }) => label !== 'O')
    .map(({ label, scores, start, end }) => {
      const score = scores.reduce((sum, each) => sum + each, 0) / scores.length;
      return { label, score, start, end };
    });
}
