/** Graphs and files that differ from the usual ones: what is served is right, and the rest is refused at load. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { hasFeature } from '../../../support/has-feature.ts';
import { type LocalApp, localApp, modelDirectory } from '../../../support/local-app.ts';
import { floats, type GraphValue, graphModel, int64s, node } from '../../../support/onnx-graph.ts';
import {
  classifier,
  distance,
  ENCODER,
  idsOf,
  softmaxOf,
  tokenClassifier,
  tokenizerFile,
  WORDS,
} from '../text-models.ts';

const PATH = '/v1/models/m:predict';
const TOKENS = { type: 'int64', dims: ['batch', 'sequence'] } as const;

type Files = Readonly<Record<string, string | Uint8Array>>;

function textApp(t: TestContext, files: Files): Promise<LocalApp> {
  return localApp(t, `--model=m=${modelDirectory(t, { 'tokenizer.json': tokenizerFile(), ...files })}`);
}

async function isRefused(t: TestContext, files: Files, why: RegExp): Promise<void> {
  await assert.rejects(textApp(t, files), why);
}

/** Logits [batch, 3]: the sums of numbers of tokens, or of their positions; `to`: ONNX's number of the output's type. */
function summing(of: 'input_ids' | 'position_ids', type: GraphValue['type'], to: number): Uint8Array {
  const table = floats(
    Array.from({ length: WORDS.length * 3 }, (_, i) => Math.fround(Math.sin(i))),
    [WORDS.length, 3],
  );
  return graphModel({
    inputs: of === 'input_ids' ? { input_ids: TOKENS } : { input_ids: TOKENS, position_ids: TOKENS },
    outputs: { logits: { type, dims: ['batch', 3] } },
    constants: { table, axis: int64s([1]), zero: int64s([0]) },
    nodes: [
      // All inputs are used.
      node('Mul', 'input_ids zero', 'nothing'),
      node('Add', `${of} nothing`, 'rows'),
      node('Gather', 'table rows', 'numbers', { axis: 0 }),
      node('ReduceSum', 'numbers axis', 'sum', { keepdims: 0 }),
      node('Cast', 'sum', 'logits', { to }),
    ],
  });
}

function sumOf(rows: readonly number[]): readonly number[] {
  return [0, 1, 2].map((column) => rows.reduce((sum, row) => sum + Math.sin(row * 3 + column), 0));
}

const SCORES = {
  inputs: [{ name: 'text', datatype: 'BYTES', shape: [1], data: ['a cat'] }],
  outputs: [{ name: 'scores' }],
};

async function scoresOf(app: LocalApp): Promise<number[]> {
  const { status, body } = await app.post('/v2/models/m/infer', SCORES);
  assert.equal(status, 200, JSON.stringify(body));
  return body.outputs[0].data;
}

describe('a graph', { skip: !hasFeature('open-inference') }, () => {
  it('may have an output of float16 or float64', async (t) => {
    const wanted = softmaxOf(sumOf(idsOf('a cat')));
    const types = [
      ['float16', 10, 1e-3],
      ['double', 11, 1e-6],
    ] as const;
    for (const [type, to, most] of types) {
      const app = await textApp(t, {
        'model.onnx': summing('input_ids', type, to),
        'pillion.yaml': 'text: {task: classification}',
      });
      const off = distance(await scoresOf(app), wanted);
      assert.ok(off < most, `${type}: ${off}`);
    }
  });

  it('gets positions as its kind counts them', async (t) => {
    const kinds = [
      [{ model_type: 'bert' }, [0, 1, 2, 3]],
      // Behind the id of the padding, which is 1 by default.
      [{ model_type: 'roberta' }, [2, 3, 4, 5]],
      [{ model_type: 'mpnet', pad_token_id: 3 }, [4, 5, 6, 7]],
    ] as const;
    for (const [config, positions] of kinds) {
      const app = await textApp(t, {
        'model.onnx': summing('position_ids', 'float', 1),
        'config.json': JSON.stringify(config),
        'pillion.yaml': 'text: {task: classification}',
      });
      assert.ok(distance(await scoresOf(app), softmaxOf(sumOf(positions))) < 1e-5);
    }
  });

  it('is not served with scores that are those of something else', async (t) => {
    const two = { 'model.onnx': classifier(2), 'pillion.yaml': 'text: {task: reranking}' };
    await isRefused(t, two, /has 2 scores, but reranking wants 1$/m);
    const labels = 'text: {task: classification, labels: [bad, good]}';
    await isRefused(
      t,
      { 'model.onnx': classifier(3), 'pillion.yaml': labels },
      /has 3 scores, but classification wants 2/,
    );
    const entities = 'text: {task: token-classification, labels: [O, B-PER]}';
    await isRefused(
      t,
      { 'model.onnx': tokenClassifier(3), 'pillion.yaml': entities },
      /wants 2, as many as there are labels/,
    );
    const whole = summing('input_ids', 'int32', 6);
    await isRefused(t, { 'model.onnx': whole, 'pillion.yaml': 'text: {task: classification}' }, /is int32, and scores/);
  });

  it('that gives NaN finds no entities, and says so', async (t) => {
    const graph = graphModel({
      inputs: { input_ids: TOKENS },
      outputs: { logits: { type: 'float', dims: ['batch', 'sequence', 2] } },
      constants: { table: floats(new Array(WORDS.length * 2).fill(-1), [WORDS.length, 2]) },
      nodes: [node('Gather', 'table input_ids', 'numbers', { axis: 0 }), node('Log', 'numbers', 'logits')],
    });
    const yaml = 'text: {task: token-classification, labels: [O, B-PER]}';
    const app = await textApp(t, { 'model.onnx': graph, 'pillion.yaml': yaml });
    const { status, body } = await app.post(PATH, { instances: ['ada'] });
    assert.equal(status, 500);
    assert.match(body.error, /the model gave NaN for a token of text 0/);
  });
});

describe('files beside a graph', () => {
  const modules = (...names: readonly string[]): string =>
    JSON.stringify(names.map((name) => ({ type: `sentence_transformers.models.${name}`, path: '' })));

  it('are refused where layers of theirs are not in the graph', async (t) => {
    const yaml = { 'model.onnx': ENCODER, 'pillion.yaml': 'text: {max_tokens: 16}' };
    const dense = { ...yaml, 'modules.json': modules('Transformer', 'Pooling', 'Dense', 'Normalize') };
    await isRefused(t, dense, /modules.json has sentence_transformers.models.Dense, which this server cannot/);
    const lower = { ...yaml, 'modules.json': modules('Transformer', 'Pooling') };
    const config = { 'sentence_bert_config.json': '{"do_lower_case": true}' };
    await isRefused(t, { ...lower, ...config }, /wants texts in lower case/);
    const app = await textApp(t, { ...lower, ...config, 'tokenizer_config.json': '{"do_lower_case": true}' });
    assert.equal((await app.post(PATH, { instances: ['a cat'] })).status, 200);
  });

  it('are refused where names would be those of other classes', async (t) => {
    const id2label = { 0: 'bad', 2: 'good' };
    const config = JSON.stringify({ architectures: ['BertForSequenceClassification'], id2label });
    const files = { 'model.onnx': classifier(2), 'config.json': config, 'pillion.yaml': 'text: {max_tokens: 16}' };
    await isRefused(t, files, /id2label of config.json/);
    const named = { ...files, 'pillion.yaml': 'text: {labels: [bad, good]}' };
    assert.equal((await (await textApp(t, named)).post(PATH, { instances: ['a cat'] })).status, 200);
  });

  it('give entities no prompts, which would move their places', async (t) => {
    const yaml = 'text: {task: token-classification, labels: [O, B-PER, B-LOC], prompts: {q: "the "}}';
    await isRefused(t, { 'model.onnx': tokenClassifier(3), 'pillion.yaml': yaml }, /without prompts/);
  });
});

describe('a request', () => {
  it('without a text is refused at once', async (t) => {
    const app = await textApp(t, { 'model.onnx': ENCODER, 'pillion.yaml': 'text: {task: embedding}' });
    const { status, body } = await app.post(PATH, { inputs: { text: [] } });
    assert.equal(status, 400);
    assert.match(body.error, /has no texts; send one or more/);
  });

  it('with a text that is too long learns where its own characters end', async (t) => {
    const yaml = 'text: {task: embedding, max_tokens: 4, prompts: {q: "the ", all: "a cat sat on "}}';
    const refusalOf = async (app: LocalApp, row: object): Promise<string> => {
      const { status, body } = await app.post(PATH, { instances: [{ ...row, truncate: false }] });
      assert.equal(status, 400);
      return body.error;
    };
    const app = await textApp(t, { 'model.onnx': ENCODER, 'pillion.yaml': yaml });
    assert.match(await refusalOf(app, { text: 'ada lives in' }), /they end at character 9;/);
    assert.match(await refusalOf(app, { text: 'ada lives in', prompt: 'q' }), /they end at character 3;/);
    assert.match(await refusalOf(app, { text: 'ada', prompt: 'all' }), /its prompt takes them all/);
    const left = 'text: {task: embedding, max_tokens: 4, truncation_side: left}';
    const cutLeft = await textApp(t, { 'model.onnx': ENCODER, 'pillion.yaml': left });
    assert.match(await refusalOf(cutLeft, { text: 'ada lives in' }), /text 0 has more than 4 tokens.*; send less/);
    const pairs = 'text: {task: reranking, max_tokens: 5}';
    const ranker = await textApp(t, { 'model.onnx': classifier(1), 'pillion.yaml': pairs });
    assert.match(
      await refusalOf(ranker, { text: 'ada', text_pair: 'a cat sat' }),
      /text 0 and its pair have more than 5/,
    );
  });
});
