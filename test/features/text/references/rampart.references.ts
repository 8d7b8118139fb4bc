/** A published model that finds entities, 4 bits a weight, gives the tokens' labels that its own library gives. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { it } from 'node:test';
import { localApp } from '../../../support/local-app.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { textsFor } from '../tokenizers/texts.ts';

const { PILLION_TEST_REFERENCES_PYTHON: python = '', PILLION_TEST_RAMPART: folder = '' } = process.env;
const FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model_q4.onnx'];
const CLOSE = 1e-5;
/** Its library takes longer texts apart. */
const MOST_CHARACTERS = 150;
const PEOPLE = ['Ada Lovelace', 'Jürgen Müller', "Siobhán O'Neil", '山田太郎', 'María-José Núñez', 'Nguyễn Văn An'];
const TEXTS = [
  ...PEOPLE.flatMap((name) => [
    `My name is ${name}, and I live at 12 Baker Street, Flat 3, London NW1 6XE.`,
    `Write to ${name} <${name.split(' ')[0]!.toLowerCase()}@example.org> or call +44 20 7946 0958.`,
    `${name}'s passport is X1234567; the IBAN DE89 3704 0044 0532 0130 00 is of ${name}, too. 😀 ${name}`,
  ]),
  ...textsFor(150, 9).filter(({ length }) => length <= MOST_CHARACTERS),
];

type Token = readonly [label: string, score: number, start: number, end: number];

it('a published model of entities gives what its own library gives', async (t) => {
  const base = tempDirectory(t);
  mkdirSync(join(base, '1'));
  for (const file of FILES) {
    copyFileSync(join(folder, 'models', 'rampart', file), join(base, '1', file.replace('onnx/model_q4', 'model')));
  }
  writeFileSync(join(base, '1', 'pillion.yaml'), 'text: {aggregation: none}\n');
  const script = join('test', 'features', 'text', 'references', 'rampart.py');
  const wanted = JSON.parse(
    execFileSync(python, [script, folder], { input: JSON.stringify(TEXTS), encoding: 'utf8', stdio: 'pipe' }),
  ) as readonly (readonly Token[])[];
  assert.ok(wanted.flat().length > 100, `only ${wanted.flat().length} tokens of entities`);
  const app = await localApp(t, `--model=m=${base}`);
  const { status, body } = await app.post('/v1/models/m:predict', { instances: TEXTS });
  assert.equal(status, 200, JSON.stringify(body).slice(0, 500));
  TEXTS.forEach((text, i) => {
    const { entities, scores, starts, ends } = body.predictions[i];
    const got = (entities as string[]).map((label, j): Token => [label, scores[j], starts[j], ends[j]]);
    // Its library leaves out tokens without characters.
    const found = got.filter(([, , start, end]) => start < end);
    const places = (tokens: readonly Token[]) => tokens.map(([label, , start, end]) => [label, start, end]);
    assert.deepEqual(places(found), places(wanted[i]!), text);
    found.forEach(([, score], j) => {
      assert.ok(Math.abs(score - wanted[i]![j]![1]) <= CLOSE, `${score}, and not ${wanted[i]![j]![1]}: ${text}`);
    });
  });
});
