/**
 * Trees predict what XGBoost and LightGBM themselves predict, for models that Python trains and saves here. `npm test`
 * prepares the Python environment.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { loadOptionsOf } from '../../../../src/backends/load-options.ts';
import { backend } from '../../../../src/backends/trees/trees-backend.ts';
import { elements, type NumericTensor } from '../../../../src/core/tensor.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

/** As train_trees.py lists them. */
interface TrainedModel {
  readonly name: string;
  /** Of the features. */
  readonly dtype: 'float32' | 'float64';
  /** Of the predictions. */
  readonly shape: readonly number[];
}

/** Most that a prediction may differ, relative to its size or to 1. */
const TOLERANCE = 1e-6;

it('predicts what XGBoost and LightGBM predict', async (t) => {
  const python = process.env['PILLION_TEST_PYTHON'];
  assert.ok(python, 'PILLION_TEST_PYTHON names the environment of test/clients/requirements.txt; npm test sets it');
  const directory = tempDirectory(t);
  const { stdout } = await promisify(execFile)(python, ['test/clients/train_trees.py', directory]);
  t.diagnostic(stdout.trim());
  const models = JSON.parse(readFileSync(join(directory, 'models.json'), 'utf8')) as TrainedModel[];
  assert.ok(models.length >= 20);
  for (const model of models) {
    await t.test(model.name, async () => {
      const predicted = await predictAll(join(directory, model.name), model);
      assert.deepEqual(predicted.shape, model.shape);
      const expected = floatsIn(join(directory, model.name, 'predictions.bin'), 'float64');
      const actual = elements(predicted) as Float32Array | Float64Array;
      assert.ok(new Set(expected).size > 1, 'it predicts one number for all');
      assert.equal(actual.length, expected.length);
      for (const [i, wanted] of expected.entries()) {
        const difference = Math.abs(actual[i]! - wanted) / Math.max(1, Math.abs(wanted));
        assert.ok(difference <= TOLERANCE, `prediction ${i} is ${actual[i]}, not ${wanted}`);
      }
      if (!model.name.startsWith('xgboost')) return;
      const binary = await predictAll(join(directory, model.name), model, 'binary');
      assert.deepEqual(binary, predicted, 'its binary form predicts the same');
    });
  }
});

async function predictAll(directory: string, { dtype, shape }: TrainedModel, form = '.'): Promise<NumericTensor> {
  const session = await backend.load(
    join(directory, form),
    loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu' }),
  );
  const features = floatsIn(join(directory, 'features.bin'), dtype);
  const rows = shape[0]!;
  const x: NumericTensor = {
    dtype,
    shape: [rows, features.length / rows],
    data: new Uint8Array(features.buffer, features.byteOffset, features.byteLength),
  };
  const outputs = await session.run('serving_default', new Map([['features', x]]), ['prediction'], {
    deadline: Infinity,
  });
  await session.close();
  return outputs.get('prediction') as NumericTensor;
}

function floatsIn(path: string, dtype: 'float32' | 'float64'): Float32Array | Float64Array {
  const { buffer } = new Uint8Array(readFileSync(path));
  return dtype === 'float32' ? new Float32Array(buffer) : new Float64Array(buffer);
}
