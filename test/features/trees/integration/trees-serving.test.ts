/** Trees in a whole server: by pillion.yaml with a parameter, over REST, and refused where the file is hostile. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, it, type TestContext } from 'node:test';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { lightgbmStump, lightgbmText, stump, xgboostModel } from '../../../support/tree-models.ts';

after(killSidecars);

const CHURN = xgboostModel({
  trees: [stump(0, 30, -1, 1, true), stump(1, 2.5, 0, 2)],
  featureNames: ['age', 'visits'],
  baseScore: '0E0',
});

/** A base path whose version 1 is this file. */
function baseWith(root: string, name: string, file: string, content: string): string {
  const version = join(root, name, '1');
  mkdirSync(version, { recursive: true });
  writeFileSync(join(version, file), content);
  return join(root, name);
}

async function startWith(t: TestContext, models: string, root: string): Promise<Sidecar> {
  const config = join(root, 'pillion.yaml');
  writeFileSync(config, models);
  const sidecar = await startSidecar([`--config=${config}`]);
  t.after(() => sidecar.stop());
  return sidecar;
}

async function predict(sidecar: Sidecar, model: string, body: string): Promise<unknown> {
  const answer = await fetch(`${sidecar.rest}/v1/models/${model}:predict`, { method: 'POST', body });
  return answer.json();
}

it('serves XGBoost and LightGBM beside each other', async (t) => {
  const root = tempDirectory(t);
  const churn = baseWith(root, 'churn', 'model.json', JSON.stringify(CHURN));
  const price = baseWith(root, 'price', 'model.txt', lightgbmText({ trees: [lightgbmStump(0, 0.5, 10, 20)] }));
  const models = `models:
  - {name: churn, base_path: ${churn}}
  - {name: price, base_path: ${price}, backend: trees, parameters: {input_dtype: float32}}
`;
  const sidecar = await startWith(t, models, root);
  assert.deepEqual(await predict(sidecar, 'churn', '{"instances": [[29, 2], [30, 3], [NaN, 2]]}'), {
    predictions: [-1, 3, -1],
  });
  assert.deepEqual(await predict(sidecar, 'price', '{"inputs": {"features": [[0.5, 0], [0.6, 0]]}}'), {
    outputs: [10, 20],
  });
  const wrong = (await predict(sidecar, 'churn', '{"instances": [[1, 2, 3]]}')) as { error: string };
  assert.match(wrong.error, /features.*\[1,3\]/);
  const line = await sidecar.line(({ event, model }) => event === 'backend' && model === 'churn');
  assert.match(line.msg!, /^XGBoost 3\.1\.0: 2 trees with 6 nodes, reg:squarederror; features age, visits$/);
});

it('serves LightGBM trees that part all numbers from NaN, whose threshold is inf', async (t) => {
  const root = tempDirectory(t);
  // decision_type 8: NaN is missing, and goes right.
  const trees = [lightgbmStump(0, 'inf', 1, 2, 8), lightgbmStump(0, '-inf', 10, 20, 8)];
  const known = baseWith(root, 'known', 'model.txt', lightgbmText({ trees }));
  const sidecar = await startWith(t, `models: [{name: known, base_path: ${known}}]\n`, root);
  const body = '{"instances": [[0.5, 0], [Infinity, 0], [-Infinity, 0], [NaN, 0]]}';
  assert.deepEqual(await predict(sidecar, 'known', body), { predictions: [21, 21, 11, 22] });
});

it('says what is wrong with a file or a parameter, and serves the rest', async (t) => {
  const root = tempDirectory(t);
  const good = baseWith(root, 'good', 'model.json', JSON.stringify(CHURN));
  const cycle = JSON.stringify(CHURN).replace('"left_children":[1', '"left_children":[0');
  const bad = baseWith(root, 'bad', 'model.json', cycle);
  const models = `models:
  - {name: good, base_path: ${good}}
  - {name: bad, base_path: ${bad}}
  - {name: odd, base_path: ${good}, parameters: {depth: 3}}
`;
  const config = join(root, 'pillion.yaml');
  writeFileSync(config, models);
  const sidecar = await startSidecar([`--config=${config}`, '--max_num_load_retries=0']);
  t.after(() => sidecar.stop());
  const stateOf = async (model: string): Promise<string> => {
    const answer = await fetch(`${sidecar.rest}/v1/models/${model}`);
    return answer.text();
  };
  assert.deepEqual(await predict(sidecar, 'good', '{"instances": [[29, 2]]}'), { predictions: [-1] });
  assert.match(await stateOf('bad'), /tree 0: its children form no tree/);
  assert.match(await stateOf('odd'), /no parameter .*depth.*; known are input_dtype/);
});
