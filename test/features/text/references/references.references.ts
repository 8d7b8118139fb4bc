/**
 * Small models with seeded weights, made by transformers and sentence-transformers and exported to ONNX by torch, give the
 * answers of these libraries' pipelines: `npm test -- text-references`.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { type LocalApp, localApp } from '../../../support/local-app.ts';
import { trainTokenizers } from '../tokenizers/against-reference.ts';
import { textsFor } from '../tokenizers/texts.ts';

const python = process.env['PILLION_TEST_REFERENCES_PYTHON'] ?? '';
const FOLDER = join('test', 'features', 'text', 'references');
const TOKENIZERS = ['wordpiece-uncased', 'wordpiece-cased', 'roberta-bpe'];
/** Both compute in float32, in orders of their own. */
const CLOSE = 1e-5;
const COUNT = 320;
const SEED = 42;
/** How many texts a request has. */
const ASKED = 64;

const ENDS = [
  ' a cat',
  'a cat ',
  '\n a cat\t',
  '\u00a0a cat\u3000',
  'a  cat',
  ' ',
  '   ',
  '\u200b',
  'A CAT',
  'Ada LOVELACE',
];
const TEXTS = [...ENDS, ...textsFor(COUNT - ENDS.length, SEED)];
const PAIRS = TEXTS.map((text, i) => [text, TEXTS[(i * 7 + 3) % TEXTS.length]!] as const).filter(
  ([, pair]) => pair !== '',
);
const MASKS = { mask: '[MASK]', 'mask-roberta': '<mask>' } as const;
const MASKED = Object.fromEntries(Object.entries(MASKS).map(([name, mask]) => [name, maskedBy(mask)]));
const REFUSED = {
  dense: /Dense/,
  weighted: /pooling \(weightedmean\)/,
  'two-poolings': /pooling/,
  'without-prompt': /include_prompt/,
};

/** The outputs of a model for all texts, by name: for each text a value, or a list. */
type Outputs = Readonly<Record<string, readonly unknown[]>>;
type Scored = { readonly label: string; readonly score: number };

const directory = mkdtempSync(join(tmpdir(), 'text-references-'));
// biome-ignore lint/suspicious/noExplicitAny: JSON of the libraries, whose fields the tests compare.
let wanted: any;

before(async () => {
  const tokenizers = join(directory, 'tokenizers');
  await trainTokenizers(python, tokenizers, TOKENIZERS);
  const options = { maxBuffer: 2 ** 28, encoding: 'utf8', stdio: 'pipe' } as const;
  execFileSync(python, [join(FOLDER, 'models.py'), directory, tokenizers], options);
  const input = JSON.stringify({ texts: TEXTS, pairs: PAIRS, masked: MASKED });
  wanted = JSON.parse(execFileSync(python, [join(FOLDER, 'answers.py'), directory], { ...options, input }));
});
after(() => rmSync(directory, { recursive: true }));

/** Each text with the mask in front, behind its first words or at the end; the tokenizer may cut none of these. */
function maskedBy(mask: string): readonly string[] {
  const texts = TEXTS.filter((text) => !Object.values(MASKS).some((each) => text.includes(each)));
  return texts.map((text, i) => {
    if (i % 3 === 0 || text.length > 20) return `${mask} ${text}`;
    return i % 3 === 1 ? `${text} ${mask}.` : `${text}${mask}`;
  });
}

function serve(t: Parameters<typeof localApp>[0], name: string): Promise<LocalApp> {
  return localApp(t, `--model=m=${join(directory, 'served', name)}`);
}

/** Asks for these texts in several requests. */
async function ask(
  app: LocalApp,
  texts: readonly string[],
  names: readonly string[],
  more: Readonly<Record<string, readonly unknown[]>> = {},
): Promise<Outputs> {
  const all: Record<string, unknown[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (let from = 0; from < texts.length; from += ASKED) {
    const inputs = Object.entries({ text: texts, ...more }).map(([name, values]) => {
      const data = values.slice(from, from + ASKED);
      return { name, datatype: 'BYTES', shape: [data.length], data };
    });
    const { status, body } = await app.post('/v2/models/m/infer', { inputs, outputs: names.map((name) => ({ name })) });
    assert.equal(status, 200, JSON.stringify(body).slice(0, 500));
    for (const { name, shape, data } of body.outputs) {
      const width = shape[1];
      for (let i = 0; i < shape[0]; i++)
        all[name]!.push(width === undefined ? data[i] : data.slice(i * width, (i + 1) * width));
    }
  }
  return all;
}

function assertNear(got: number, want: number, about: string): void {
  assert.ok(Math.abs(got - want) <= CLOSE, `${got}, and not ${want}: ${about}`);
}

function shown(text: unknown): string {
  return JSON.stringify(text).slice(0, 120);
}

describe('text-classification', () => {
  for (const name of ['two', 'three', 'several', 'one', 'regression', 'distil', 'inference']) {
    it(`${name} has all scores of the pipeline`, async (t) => {
      const app = await serve(t, name);
      const [texts, more] =
        name === 'inference'
          ? [PAIRS.map(([text]) => text), { text_pair: PAIRS.map(([, pair]) => pair) }]
          : [TEXTS, {}];
      const got = await ask(app, texts, ['label', 'score', 'labels', 'scores'], more);
      texts.forEach((text, i) => {
        assertScores(wanted[name][i], got, i, shown(text));
      });
    });
  }
});

function assertScores(want: readonly Scored[], got: Outputs, i: number, about: string): void {
  const scores = got['scores']![i] as readonly number[];
  const labels = got['labels']![i] as readonly string[];
  assert.equal(labels.length, want.length);
  for (const { label, score } of want) assertNear(scores[labels.indexOf(label)]!, score, `${label} of ${about}`);
  assertNear(got['score']![i] as number, want[0]!.score, about);
  assert.ok(scores[labels.indexOf(got['label']![i] as string)]! >= want[0]!.score - CLOSE, about);
}

describe('CrossEncoder.predict', () => {
  const outputs = { ranker: 'score', 'ranker-roberta': 'score', 'ranker-logits': 'raw_score' };
  for (const [name, output] of Object.entries(outputs)) {
    it(`${name} has its scores as ${output}`, async (t) => {
      const app = await serve(t, name);
      const texts = PAIRS.map(([text]) => text);
      const got = await ask(app, texts, [output], { text_pair: PAIRS.map(([, pair]) => pair) });
      PAIRS.forEach((pair, i) => {
        assertNear(got[output]![i] as number, wanted[name][i], shown(pair));
      });
    });
  }
});

describe('token-classification', () => {
  for (const name of ['entities', 'entities-single', 'entities-roberta', 'entities-roberta-single']) {
    it(`${name} has the entities of the pipeline`, async (t) => {
      const app = await serve(t, name);
      const got = await ask(app, TEXTS, ['entities', 'scores', 'starts', 'ends']);
      TEXTS.forEach((text, i) => {
        assertEntities(wanted[name][i], got, i, shown(text));
      });
    });
  }
});

interface Entity {
  readonly entity?: string;
  readonly entity_group?: string;
  readonly score: number;
  readonly start: number;
  readonly end: number;
}

function assertEntities(want: readonly Entity[], got: Outputs, i: number, about: string): void {
  const [labels, scores] = [got['entities']![i] as readonly string[], got['scores']![i] as readonly number[]];
  const [starts, ends] = [got['starts']![i] as readonly number[], got['ends']![i] as readonly number[]];
  const found = labels.flatMap((label, j) => (starts[j] === -1 ? [] : [[label, starts[j], ends[j]]]));
  const expected = want.map(({ entity, entity_group: group, start, end }) => [group ?? entity, start, end]);
  assert.deepEqual(found, expected, about);
  want.forEach(({ score }, j) => {
    assertNear(scores[j]!, score, `entity ${j} of ${about}`);
  });
}

describe('fill-mask', () => {
  for (const name of Object.keys(MASKS)) {
    it(`${name} has the five likeliest tokens of the pipeline`, async (t) => {
      const app = await serve(t, name);
      const texts = MASKED[name]!;
      const got = await ask(app, texts, ['tokens', 'token_ids', 'scores']);
      texts.forEach((text, i) => {
        const want: readonly { token: number; token_str: string; score: number }[] = wanted[name][i];
        assert.deepEqual(
          got['token_ids']![i],
          want.map(({ token }) => token),
          shown(text),
        );
        assert.deepEqual(
          got['tokens']![i],
          want.map(({ token_str }) => token_str),
          shown(text),
        );
        want.forEach(({ score }, j) => {
          assertNear((got['scores']![i] as number[])[j]!, score, shown(text));
        });
      });
    });
  }
});

describe('SentenceTransformer.encode', () => {
  for (const name of ['mean', 'cls', 'max', 'last', 'mean-roberta', 'whole']) {
    it(`${name} has its embeddings`, async (t) => {
      const { embedding } = await ask(await serve(t, name), TEXTS, ['embedding']);
      assertVectors(embedding!, wanted[name]);
    });
  }

  for (const name of ['prompts', 'prompts-roberta']) {
    it(`${name} has its embeddings with each prompt`, async (t) => {
      const app = await serve(t, name);
      for (const prompt of ['query', 'passage', 'none', '']) {
        const more = prompt === '' ? {} : { prompt: TEXTS.map(() => prompt) };
        const { embedding } = await ask(app, TEXTS, ['embedding'], more);
        assertVectors(embedding!, wanted[`${name}/${prompt}`]);
      }
    });
  }

  for (const [name, reason] of Object.entries(REFUSED)) {
    it(`${name} is not served by its texts`, async (t) => {
      const app = await serve(t, name);
      const { body } = await app.post('/v1/models/m:predict', { instances: ['a text'] });
      assert.match(body.error, /input_ids/);
      const listed = await fetch(`${app.admin}/models`);
      assert.match(await listed.text(), reason);
    });
  }
});

function assertVectors(got: readonly unknown[], want: readonly (readonly number[])[]): void {
  assert.equal(got.length, want.length);
  want.forEach((vector, i) => {
    const numbers = got[i] as readonly number[];
    assert.equal(numbers.length, vector.length);
    vector.forEach((number, j) => {
      assertNear(numbers[j]!, number, shown(TEXTS[i]));
    });
  });
}
