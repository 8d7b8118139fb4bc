/** The calls of huggingface_hub's InferenceClient, with the bodies that it sends, to models of a few words. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type LocalAnswer, type LocalApp, localApp } from '../../../support/local-app.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import {
  ENTITY_LABELS,
  embeddingOf,
  idsOf,
  LABELS,
  logitsOf,
  MOST_TOKENS,
  sigmoid,
  softmax,
  type TinyTask,
  tokenLogits,
  WORDS,
  writeTinyModel,
} from '../tiny-models.ts';

const NLI_LABELS = ['contradiction', 'neutral', 'entailment'];
const NLI = `  labels: [${NLI_LABELS.join(', ')}]\n`;

async function modelOf(t: TestContext, task: TinyTask, declared = ''): Promise<LocalApp> {
  return localApp(t, `--model=m=${writeTinyModel(join(tempDirectory(t), 'm'), task, declared)}`);
}

const call = (app: LocalApp, body: object): Promise<LocalAnswer> => app.post('/v1/models/m/tei', body);

async function answerOf(app: LocalApp, body: object) {
  const { status, body: answer } = await call(app, body);
  assert.equal(status, 200, JSON.stringify(answer));
  return answer;
}

interface Scored {
  readonly label: string;
  readonly score: number;
}

/** The highest first, of these labels' numbers. */
function assertScored(got: readonly Scored[], labels: readonly string[], numbers: readonly number[]): void {
  const order = [...numbers.keys()].sort((a, b) => numbers[b]! - numbers[a]!).slice(0, got.length);
  assert.deepEqual(
    got.map(({ label }) => label),
    order.map((i) => labels[i]),
  );
  for (const [place, { score }] of got.entries()) assert.ok(Math.abs(score - numbers[order[place]!]!) < 1e-5);
}

describe('sentence_similarity', () => {
  it('is the cosine of the embeddings', async (t) => {
    for (const declared of ['', '  normalize: false\n']) {
      const app = await modelOf(t, 'embedding', declared);
      const sentences = ['red cat', 'tree', 'blue bird'];
      const got = await answerOf(app, { inputs: { source_sentence: 'red cat', sentences }, parameters: {} });
      const source = embeddingOf('red cat');
      const wanted = sentences.map((text) => embeddingOf(text).reduce((sum, x, i) => sum + x * source[i]!, 0));
      assert.equal(got.length, wanted.length);
      for (const [i, cosine] of wanted.entries()) assert.ok(Math.abs(got[i] - cosine) < 1e-5);
    }
  });
});

describe('text_classification', () => {
  it('tells the labels of a text, as many as are asked for, and of several', async (t) => {
    const app = await modelOf(t, 'classification');
    const [all] = await answerOf(app, { inputs: 'red cat', parameters: {} });
    assert.equal(all.length, LABELS.length);
    assertScored(all, LABELS, softmax(logitsOf(LABELS.length, 'red cat')));
    const [best] = await answerOf(app, { inputs: 'red cat', parameters: { top_k: 1 } });
    assert.deepEqual(best, all.slice(0, 1));
    const two = await answerOf(app, { inputs: ['red cat', 'tree'], parameters: {} });
    assert.deepEqual(two[0], all);
    assertScored(two[1], LABELS, softmax(logitsOf(LABELS.length, 'tree')));
  });

  it('makes scores as it is asked to', async (t) => {
    const app = await modelOf(t, 'classification');
    const logits = logitsOf(LABELS.length, 'red cat');
    for (const [apply, wanted] of [
      ['softmax', softmax(logits)],
      ['sigmoid', logits.map(sigmoid)],
      ['none', logits],
    ] as const) {
      const [got] = await answerOf(app, { inputs: 'red cat', parameters: { function_to_apply: apply } });
      assertScored(got, LABELS, wanted);
    }
    const raw = (await app.post('/predict', { inputs: 'red cat', raw_scores: true })).body;
    assertScored(raw, LABELS, logits);
  });
});

describe('zero_shot_classification', () => {
  it('asks a model of entailment about each label', async (t) => {
    const app = await modelOf(t, 'classification', NLI);
    const labels = ['cat', 'dog', 'blue bird'];
    const logits = labels.map((label) => logitsOf(NLI_LABELS.length, 'red cat', `This example is ${label}.`));
    const yes = logits.map((each) => each[2]!);
    const one = await answerOf(app, {
      inputs: 'red cat',
      parameters: { candidate_labels: labels, multi_label: false },
    });
    assertScored(one, labels, softmax(yes));
    const many = await answerOf(app, {
      inputs: 'red cat',
      parameters: { candidate_labels: labels, multi_label: true },
    });
    const apart = logits.map(([no, , each]) => softmax([no!, each!])[1]!);
    assertScored(many, labels, apart);
    // Of a single label it is told whether it is likely at all.
    const alone = await answerOf(app, { inputs: 'red cat', parameters: { candidate_labels: ['cat'] } });
    assertScored(alone, ['cat'], apart.slice(0, 1));
    const template = { candidate_labels: ['cat', 'dog'], hypothesis_template: 'green {}' };
    const told = await answerOf(app, { inputs: 'red cat', parameters: template });
    const own = ['cat', 'dog'].map((label) => logitsOf(NLI_LABELS.length, 'red cat', `green ${label}`)[2]!);
    assertScored(told, ['cat', 'dog'], softmax(own));
  });

  it('is refused by other classifiers', async (t) => {
    const app = await modelOf(t, 'classification');
    const { status, body } = await call(app, { inputs: 'red', parameters: { candidate_labels: ['cat'] } });
    assert.equal(status, 400);
    assert.match(body.error, /a label "entailment"; this one's are "negative".* call text_classification/);
  });
});

describe('token_classification', () => {
  it('tells entities with their words and places', async (t) => {
    const app = await modelOf(t, 'token-classification', '  aggregation: none\n');
    const text = '😀 blue cat  tree';
    const wanted = [...text.matchAll(/\S+/g)].flatMap(([word]) => {
      const [id] = idsOf(word).slice(1) as [number];
      const scores = softmax(tokenLogits(ENTITY_LABELS.length, id));
      const best = scores.indexOf(Math.max(...scores));
      const start = [...text.slice(0, text.indexOf(word))].length;
      const place = { word, start, end: start + [...word].length };
      return best === 0 ? [] : [{ entity: ENTITY_LABELS[best]!, score: scores[best]!, ...place }];
    });
    assert.deepEqual(
      wanted.map(({ word }) => word),
      ['😀', 'cat', 'tree'],
    );
    const got = await answerOf(app, { inputs: text, parameters: {} });
    const rounded = (all: readonly { readonly score: number }[]): object[] =>
      all.map((each) => ({ ...each, score: each.score.toFixed(4) }));
    assert.deepEqual(rounded(got), rounded(wanted));
    assert.deepEqual(await answerOf(app, { inputs: [text, ''], parameters: {} }), [got, []]);
    const ignored = ['O', wanted[0]!.entity];
    const rest = await answerOf(app, { inputs: text, parameters: { ignore_labels: ignored } });
    assert.equal(rest.length, wanted.filter(({ entity }) => entity !== wanted[0]!.entity).length);
  });

  it('joins tokens where the model does', async (t) => {
    const app = await modelOf(t, 'token-classification');
    const parameters = { aggregation_strategy: 'simple' };
    const got = await answerOf(app, { inputs: 'red cat green dog blue bird house tree', parameters });
    for (const { entity_group: kind } of got) assert.equal(kind, 'PET');
    assert.ok(got.length > 0);
  });
});

describe('fill_mask', () => {
  it('tells the likeliest tokens, and the text with each', async (t) => {
    const app = await modelOf(t, 'fill-mask');
    const scores = softmax(tokenLogits(WORDS.length, WORDS.indexOf('[MASK]')));
    const got = await answerOf(app, { inputs: 'red [MASK] tree', parameters: {} });
    assert.equal(got.length, 5);
    for (const { score, token, token_str: word, sequence } of got) {
      assert.equal(word, WORDS[token]);
      assert.ok(Math.abs(score - scores[token]!) < 1e-5);
      assert.equal(sequence, `red ${word} tree`);
    }
    assert.ok(Math.abs(got[0].score - Math.max(...scores)) < 1e-5);
    const two = await answerOf(app, { inputs: ['red [MASK] tree'], parameters: { top_k: 2 } });
    assert.deepEqual(two, [got.slice(0, 2)]);
  });
});

describe('a call that the model does not answer', () => {
  const QUESTION = { inputs: { question: 'who', context: 'red cat' }, parameters: {} };
  const GENERATE = { inputs: 'red', parameters: { max_new_tokens: 3 }, stream: false };
  const CASES: readonly (readonly [TinyTask, object, RegExp])[] = [
    ['embedding', QUESTION, /"m" makes embeddings: .* answers feature_extraction and sentence_similarity, and this is/],
    ['embedding', { inputs: 'red', parameters: { top_k: 1 } }, /answers feature_extraction and sentence_similarity/],
    ['embedding', GENERATE, /answers feature_extraction and sentence_similarity.*call that, or another model/],
    ['embedding', { inputs: 'red', encoding_format: 'base64' }, /"encoding_format" must be one of "float"/],
    ['classification', QUESTION, /answers text_classification and zero_shot_classification/],
    ['classification', { inputs: 'red', parameters: { top: 1 } }, /no parameter "top".*leave it out: .*"top_k"/],
    ['classification', { inputs: 'red', parameters: { top_k: 0 } }, /"top_k" is no whole number from 1 on/],
    ['classification', { inputs: 'red', parameters: 3 }, /"parameters" is no object; send one/],
    ['reranking', { inputs: 'red', parameters: {} }, /answers none, and this is another; send {"query"/],
    ['token-classification', QUESTION, /answers token_classification/],
    ['token-classification', { inputs: 'red', parameters: { aggregation_strategy: 'max' } }, /is simple: leave it out/],
    ['token-classification', { inputs: 'red', parameters: { ignore_labels: ['PET'] } }, /add "O" to "ignore_labels"/],
    ['token-classification', { inputs: 'red', parameters: { stride: 2 } }, /no parameter "stride"/],
    ['fill-mask', QUESTION, /answers fill_mask/],
    ['fill-mask', { inputs: '[MASK]', parameters: { top_k: 6 } }, /5 likeliest tokens; send 5 at most, or set top_k/],
    ['fill-mask', { inputs: '[MASK]', parameters: { targets: ['cat'] } }, /no parameter "targets"/],
    ['fill-mask', { inputs: 'red', parameters: {} }, /text 0 has no \[MASK\]/],
    ['fill-mask', { inputs: `[MASK] ${'red '.repeat(MOST_TOKENS)}`, parameters: {} }, /more than 16 tokens/],
  ];
  for (const task of new Set(CASES.map(([each]) => each))) {
    it(`is refused with what it does: ${task}`, async (t) => {
      const app = await modelOf(t, task);
      for (const [, body, says] of CASES.filter(([each]) => each === task)) {
        const answer = await call(app, body);
        assert.equal(answer.status, 400, JSON.stringify([body, answer.body]));
        assert.match(answer.body.error, says);
      }
    });
  }
});
