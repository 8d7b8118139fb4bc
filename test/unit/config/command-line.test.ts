import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { serveOptions } from '../../../src/config/options/serve-options.ts';
import { TENSORFLOW_FLAGS } from '../../../src/config/tensorflow-flags.ts';
import { FEATURES } from '../../../src/pillion.ts';
import { configOf, errorsOf } from '../../support/config-files.ts';

const BASE = ['--model_base_path=/models/m'];

describe('flags of tensorflow_model_server', () => {
  it('are all taken: those that mean something by us, the others with a warning each', () => {
    const args = Object.entries(TENSORFLOW_FLAGS)
      .filter(([, { isRefused }]) => isRefused !== true)
      .map(([name, { isBoolean }]) => `--${name}${isBoolean ? '' : '=1'}`);
    const { warnings } = configOf([...BASE, ...args]);
    assert.equal(warnings.length, args.length);
    for (const name of Object.keys(TENSORFLOW_FLAGS))
      assert.ok(!(name in serveOptions(FEATURES)), `${name} has a meaning`);
  });

  it('are named, each, in docs/reference/compatibility.md', () => {
    const page = readFileSync('docs/reference/compatibility.md', 'utf8');
    for (const name of Object.keys(TENSORFLOW_FLAGS)) assert.ok(page.includes(`\`${name}\``), name);
  });

  it('take their value behind = or after a space, and booleans may stand alone', () => {
    const { warnings, options } = configOf([
      ...BASE,
      '--tensorflow_session_parallelism',
      '4',
      '--xla_cpu_compilation_enabled',
      '--num_tflite_pools=2',
      '--port=1',
    ]);
    assert.equal(options.port, 1);
    assert.deepEqual(warnings, [
      '--tensorflow_session_parallelism has no effect: no TensorFlow session runs in this process; use --intra_op_threads and --num_batch_threads',
      '--xla_cpu_compilation_enabled has no effect: there is no XLA compiler here',
      '--num_tflite_pools has no effect: TensorFlow Lite models are not served',
    ]);
    assert.match(errorsOf([...BASE, '--num_tflite_pools']).join(), /--num_tflite_pools wants a value/);
  });

  it('are refused where taking them would pretend a protection', () => {
    assert.match(errorsOf([...BASE, '--use_alts_credentials']).join(), /not supported: ALTS .*--ssl_config_file/);
    assert.deepEqual(configOf([...BASE, '--use_alts_credentials=false']).warnings, []);
  });

  it('that nobody knows name the nearest of either', () => {
    assert.match(errorsOf([...BASE, '--xla_gpu_compilation=1']).join(), /did you mean --xla_gpu_compilation_enabled\?/);
    assert.match(errorsOf([...BASE, '--noenable_batching']).join(), /did you mean --enable_batching=false\?/);
    assert.match(errorsOf([...BASE, '--constructor=1']).join(), /unknown option --constructor/);
  });
});

describe('where the models are listed', () => {
  it('may be the variables of TensorFlow Serving’s image, where nothing else names a model', () => {
    const { models, modelsFrom } = configOf([], { MODEL_NAME: 'digits', MODEL_BASE_PATH: '/data' });
    assert.deepEqual(
      models.map(({ name, basePath }) => [name, basePath]),
      [['digits', '/data/digits']],
    );
    assert.equal(modelsFrom, 'MODEL_NAME, MODEL_BASE_PATH');
    assert.equal(configOf([], { MODEL_NAME: 'digits' }).models[0]!.basePath, '/models/digits');
    assert.equal(configOf([], { MODEL_BASE_PATH: '/data' }).models[0]!.basePath, '/data/model');
    assert.equal(configOf(BASE, { MODEL_NAME: 'digits' }).models[0]!.name, 'default');
    assert.match(errorsOf([], { MODEL_NAME: 'a/b' }).join(), /MODEL_NAME: model name "a\/b" may not/);
  });
});
