import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { BackendLog } from '../../../src/backends/backend.ts';
import { loadOptionsOf } from '../../../src/backends/load-options.ts';
import { backend } from '../../../src/backends/trees/trees-backend.ts';
import { tempDirectory } from '../../support/temp-directory.ts';
import { lightgbmStump, lightgbmText, numbersFor, openTrees, stump, xgboostModel } from '../../support/tree-models.ts';

const XGBOOST = xgboostModel({ trees: [stump(0, 0.1, -1, 1)], featureNames: ['age', 'income'] });
const LIGHTGBM = lightgbmText({ trees: [lightgbmStump(0, 0.1, -1, 1)] });
const SETTINGS = { intraOpThreads: 1, executionProvider: 'cpu' };

describe('the signature of trees', () => {
  it('has the type that the library compares in', async (t) => {
    for (const [file, content, dtype] of [
      ['model.json', XGBOOST, 'float32'],
      ['model.txt', LIGHTGBM, 'float64'],
    ] as const) {
      const session = await openTrees(t, file, content);
      const { inputs, outputs, batchAxis } = session.signatures.get('serving_default')!;
      const { columns, ...input } = inputs.get('features')!;
      assert.deepEqual(input, { dtype, shape: [-1, 2], tensorName: 'features', takesMissing: true });
      assert.equal(inputs.size, 1);
      assert.equal(columns?.list.length, 2);
      assert.deepEqual([...outputs], [['prediction', { dtype, shape: [-1], tensorName: 'prediction' }]]);
      assert.equal(batchAxis.kind, 'dynamic');
    }
  });

  it('takes the other type if a parameter says so', async (t) => {
    const wide = await openTrees(t, 'model.json', XGBOOST, { parameters: new Map([['input_dtype', 'float64']]) });
    // As float32 it is the threshold itself.
    assert.deepEqual(
      await numbersFor(wide, [
        [0.1, 0],
        [0.09, 0],
      ]),
      [1, -1],
    );
    const narrow = await openTrees(t, 'model.txt', LIGHTGBM, { parameters: new Map([['input_dtype', 'float32']]) });
    // float32's 0.1 is above float64's.
    assert.deepEqual(
      await numbersFor(narrow, [
        [0.1, 0],
        [0.09, 0],
      ]),
      [1, -1],
    );
    const wrong = openTrees(t, 'model.txt', LIGHTGBM, { parameters: new Map([['input_dtype', 16]]) });
    await assert.rejects(wrong, { kind: 'load_failed', message: /input_dtype is 16; use float32 or float64/ });
  });
});

describe('a directory of trees', () => {
  it('is described in the log', async (t) => {
    const lines: string[] = [];
    const log: BackendLog = { info: (text) => lines.push(text), warn: assert.fail };
    for (const [file, content] of [
      ['model.json', JSON.stringify(XGBOOST)],
      ['model.txt', LIGHTGBM],
    ] as const) {
      const directory = tempDirectory(t);
      writeFileSync(join(directory, file), content);
      await backend.load(directory, loadOptionsOf(SETTINGS, { log }));
    }
    assert.deepEqual(lines, [
      'XGBoost 3.1.0: 1 trees with 3 nodes, reg:squarederror; features age, income',
      'LightGBM v4: 1 trees with 3 nodes, regression; features Column_0, Column_1',
    ]);
  });

  it('without a file of theirs is not one', async (t) => {
    const directory = tempDirectory(t);
    const load = (): Promise<unknown> => backend.load(directory, loadOptionsOf(SETTINGS));
    assert.equal(await backend.probe(directory), false);
    mkdirSync(join(directory, 'model.json'));
    writeFileSync(join(directory, 'model.txt'), 'trees are green\n');
    assert.equal(await backend.probe(directory), false);
    assert.equal(await backend.probe(join(directory, 'missing')), false);
    await assert.rejects(load(), {
      kind: 'load_failed',
      message: /it holds no model\.json or model\.txt or model\.ubj of XGBoost/,
    });
  });
});
