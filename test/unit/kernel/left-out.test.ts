/** An option, a key or a command of a feature that is left out is an error that names the feature. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { ModelKey } from '../../../src/config/model-key.ts';
import { text } from '../../../src/config/options/option-types.ts';
import { readServeConfig } from '../../../src/config/serve-config.ts';
import { FeatureList } from '../../../src/kernel/feature.ts';
import { FileKey } from '../../../src/models/model-file/file-key.ts';
import { loadModelFile } from '../../../src/models/model-file/load-model-file.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const TEA = new ModelKey({
  name: 'tea',
  schema: v.string('a text'),
  help: 'What it drinks.',
  flags: { cup: { path: ['tea', 'cup'] } },
});
const STEEPED = new FileKey({ name: 'steeped', schema: v.string('a text'), help: 'For how long.' });
const tea = {
  name: 'tea-time',
  options: { kettle: text({ default: '', help: 'Where it is.' }) },
  modelKeys: [TEA],
  fileKeys: [STEEPED],
};
const cake = { name: 'cake' };
const FEATURES = new FeatureList([
  { feature: tea, adds: 'tea' },
  { feature: cake, adds: 'cake', requires: ['tea-time'] },
]);
const LEFT = 'is of the feature tea-time, which is left out of this server';

function errorsOf(features: FeatureList, args: readonly string[], environment = {}): readonly string[] | undefined {
  return readServeConfig({ args, environment, features }).errors;
}

describe('a feature that is left out', () => {
  const without = FEATURES.without('tea-time');

  it('takes along the features that require it', () => {
    assert.deepEqual(without.features, []);
    assert.deepEqual(without.absent, [tea, cake]);
  });

  it('is named by the error of its option, wherever that is given', (t) => {
    const file = join(tempDirectory(t), 'p.yaml');
    writeFileSync(file, 'kettle: stove\nmodels: []\n');
    const model = '--model=m=/m';
    assert.equal(errorsOf(FEATURES, [model, '--kettle=stove']), undefined);
    assert.deepEqual(errorsOf(without, [model, '--kettle=stove']), [`--kettle ${LEFT}`]);
    assert.deepEqual(errorsOf(without, [model], { PILLION_KETTLE: 'stove' }), [`PILLION_KETTLE ${LEFT}`]);
    assert.equal(errorsOf(FEATURES, [`--config=${file}`]), undefined);
    assert.deepEqual(errorsOf(without, [`--config=${file}`]), [`${file}:1:1: kettle ${LEFT}`]);
    assert.match(errorsOf(without, [model, '--ketle=stove'])!.join(), /^unknown option --ketle/);
  });

  it('is named by the error of its key in the file beside a model', async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'pillion.yaml'), 'steeped: long\n');
    const file = await loadModelFile(directory, FEATURES.fileKeys);
    assert.equal(file!.valueOf(STEEPED), 'long');
    const other = await loadModelFile(directory, without.fileKeys);
    assert.throws(() => other!.views(new Map()), new RegExp(`pillion.yaml:1:\\d+: steeped ${LEFT}`));
  });

  it('is named by the error of its key of a model', (t) => {
    const file = join(tempDirectory(t), 'p.yaml');
    writeFileSync(file, 'models: [{name: m, base_path: /m, tea: green}]\n');
    assert.equal(errorsOf(FEATURES, [`--config=${file}`]), undefined);
    assert.deepEqual(errorsOf(without, [`--config=${file}`]), [`${file}:1:35: tea ${LEFT}`]);
    assert.deepEqual(errorsOf(without, ['--model=m=/m,cup=1']), [`--model=m=/m,cup=1: cup ${LEFT}`]);
  });
});
