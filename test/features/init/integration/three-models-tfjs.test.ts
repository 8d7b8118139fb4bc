/**
 * From a model's file to an answer in three commands: a pipeline of scikit-learn with texts and categories, trees of LightGBM
 * with categories, and a convolutional net of Keras. What is printed is what the library itself answers. The third wants
 * TensorFlow's libraries.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { killSidecars, runPillion, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

const FIXTURES = 'test/fixtures/first-answers';
const EXPECTED = JSON.parse(readFileSync(`${FIXTURES}/expected.json`, 'utf8')) as Readonly<Record<string, unknown[]>>;

/** `output`: the column of the table that the library's answer is in. */
async function threeCommands(t: TestContext, file: string, data: string, output: string): Promise<void> {
  const models = tempDirectory(t);
  const init = runPillion(['init', join(FIXTURES, file), `--models=${models}`]);
  assert.equal(await init.exited, 0, init.output());
  const [, served] = /pillion serve (--model=(\S+)=\S+)/.exec(init.output())!;
  const [, model, request] = /pillion predict (\S+) (\S+)/.exec(init.output())!;

  const sidecar = await startSidecar([served!]);
  const server = `--server=${sidecar.rest}`;
  const sample = runPillion(['predict', model!, request!, server]);
  assert.equal(await sample.exited, 0, sample.output());

  const answer = runPillion(['predict', model!, join(FIXTURES, data), server]);
  assert.equal(await answer.exited, 0, answer.output());
  const [header, ...rows] = answer
    .output()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  const column = header!.indexOf(output);
  const numbers = rows.map((cells) => JSON.parse(cells[column]!) as unknown);
  const pairs = [numbers.flat(), EXPECTED[model!]!.flat()] as [number[], number[]];
  assert.equal(pairs[0].length, pairs[1].length, answer.output());
  for (const [i, number] of pairs[0].entries()) {
    assert.ok(Math.abs(number - pairs[1][i]!) < 1e-5, `${number} is not ${pairs[1][i]}`);
  }
  assert.equal(await sidecar.stop(), 0);
}

describe('three commands from a file to an answer', () => {
  it('serve texts and categories of scikit-learn', (t) =>
    threeCommands(t, 'reviews.onnx', 'reviews.csv', 'probabilities'));

  it('serve a pipeline whose texts, categories and names of columns have letters beyond ASCII', (t) =>
    threeCommands(t, 'letters.onnx', 'letters.csv', 'probabilities'));

  it('serve trees of LightGBM with categories by name', (t) =>
    threeCommands(t, 'churn.txt', 'churn.csv', 'prediction'));

  it('serve a convolutional net of Keras', (t) => threeCommands(t, 'shades', 'shades.npy', 'output'));
});
