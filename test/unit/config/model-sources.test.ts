import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { ConfigFiles, configOf, errorsOf, modelsText } from '../../support/config-files.ts';

describe('--model_config_file', () => {
  it('lists the models, with the provider of --execution_provider, and is there to be looked at again', (t) => {
    const path = new ConfigFiles(t).write('models.config', modelsText({ a: '', b: 'model_platform: "onnx"' }));
    const { models, modelsFrom, modelFile } = configOf([`--model_config_file=${path}`, '--execution_provider=cuda']);
    assert.deepEqual(
      models.map(({ name, executionProvider, backend }) => [name, executionProvider, backend]),
      [
        ['a', 'cuda', undefined],
        ['b', 'cuda', 'onnx'],
      ],
    );
    assert.equal(modelsFrom, path);
    assert.equal(modelFile!.path, path);
    assert.deepEqual(
      modelFile!.read(Buffer.from(modelsText({ c: '' }))).models.map(({ name }) => name),
      ['c'],
    );
    assert.match(modelFile!.read(Buffer.from('model_config_list {')).errors.join(), /:1:20: the text ends inside/);
  });

  it('goes before --model_base_path with a warning, as the image of TensorFlow Serving passes both', (t) => {
    const path = new ConfigFiles(t).write('m', modelsText({ a: '' }));
    const { models, warnings } = configOf([`--model_config_file=${path}`, '--model_base_path=/models/x']);
    assert.deepEqual(
      models.map(({ name }) => name),
      ['a'],
    );
    assert.match(warnings.join(), /^--model_base_path has no effect: --model_config_file lists the models/);
  });

  it('beside --model is a mistake', (t) => {
    const path = new ConfigFiles(t).write('m', modelsText({ a: '' }));
    assert.match(errorsOf([`--model_config_file=${path}`, '--model=b=/b']).join(), /list them in one place/);
  });

  it('must be there, and may list nothing', (t) => {
    assert.deepEqual(errorsOf(['--model_config_file=/nonexistent']), ['/nonexistent: there is no such file']);
    const path = new ConfigFiles(t).write('m', 'model_config_list {}');
    assert.deepEqual(configOf([`--model_config_file=${path}`]).models, []);
  });
});

describe('--model', () => {
  it('runs where --execution_provider says, unless it says otherwise itself', () => {
    const { models } = configOf(['--execution_provider=cuda', '--model=a=/a', '--model=b=/b,provider=cpu']);
    assert.deepEqual(
      models.map(({ executionProvider }) => executionProvider),
      ['cuda', 'cpu'],
    );
  });

  it('has a name of its own: --model_name beside it has no effect, and that is said', () => {
    const { models, warnings } = configOf(['--model=a=/a', '--model_name=b']);
    assert.deepEqual(
      models.map(({ name }) => name),
      ['a'],
    );
    assert.match(warnings.join(), /^--model_name has no effect: it names the model at --model_base_path/);
    assert.deepEqual(configOf(['--model=a=/a', '--model_name=b', '--model_base_path=/b']).warnings, []);
    assert.deepEqual(configOf(['--model=a=/a']).warnings, []);
  });
});

describe('--config', () => {
  const MODELS = 'models:\n  - {name: a, base_path: /a}\n';

  it('sets options behind the command line and the environment, and tells where each came from', (t) => {
    const path = new ConfigFiles(t).write('pillion.yaml', `port: 1\nrest_api_port: 2\nadmin_port: 3\n${MODELS}`);
    const { options, origins } = configOf([`--config=${path}`, '--port=9'], { PILLION_REST_API_PORT: '8' });
    assert.deepEqual([options.port, options.rest_api_port, options.admin_port], [9, 8, 3]);
    assert.deepEqual(
      ['port', 'rest_api_port', 'admin_port', 'log_level'].map((name) => origins.get(name)),
      [
        { kind: 'flag', place: '--port' },
        { kind: 'environment', place: 'PILLION_REST_API_PORT' },
        { kind: 'file', place: `${path}:3:1` },
        { kind: 'default', place: 'default' },
      ],
    );
    assert.equal(configOf([], { PILLION_CONFIG: path }).options.admin_port, 3);
  });

  it('may name the other files', (t) => {
    const files = new ConfigFiles(t);
    const batching = files.write('batching', 'max_batch_size { value: 5 } batch_timeout_micros { value: 6 }');
    const models = files.write('models', modelsText({ a: '' }));
    const path = files.write(
      'p.yaml',
      `batching_parameters_file: ${batching}\nmodel_config_file: ${models}\nmax_batch_size: 7`,
    );
    const { options, modelsFrom } = configOf([`--config=${path}`]);
    assert.deepEqual([options.max_batch_size, options.batch_timeout_micros], [7, 6]);
    assert.equal(modelsFrom, models);
  });

  it('tells every mistake with its place', (t) => {
    const path = new ConfigFiles(t).write('p', 'prot: 1\nport: 99999\nlog_level: loud\nmodels: 5\nmodel: [a]\nhost:');
    const errors = errorsOf([`--config=${path}`]);
    assert.deepEqual(
      errors.map((error) => error.replace(`${path}:`, '')),
      [
        '1:1: '.concat(`${path} has no "prot"; did you mean "port"?`),
        '5:1: '.concat(`${path} has no "model"; did you mean "models"?`),
        '6:1: host has no value',
        '2:1: port=99999: wants a whole number from 0 to 65535',
        '3:1: log_level=loud: wants one of trace, debug, info, warn, error, fatal, silent',
        '4:9: models wants a list, not "5"',
      ],
    );
  });

  it('and models elsewhere is a mistake', (t) => {
    const path = new ConfigFiles(t).write('p', MODELS);
    assert.match(errorsOf([`--config=${path}`, '--model=b=/b']).join(), /:1:1: models are listed here and by --model;/);
    assert.match(errorsOf([`--config=${path}`, '--model_base_path=/b']).join(), /here and by --model_base_path/);
  });

  it('is looked at again for its models; what else has changed waits for the next start', (t) => {
    const path = new ConfigFiles(t).write('p', `port: 1\n${MODELS}`);
    const { modelFile } = configOf([`--config=${path}`]);
    const read = modelFile!.read(Buffer.from('port: 2\nlog_level: warn\nmodels:\n  - {name: b, base_path: /b}\n'));
    assert.deepEqual(
      read.models.map(({ name }) => name),
      ['b'],
    );
    assert.deepEqual(read.warnings, [
      `${path}:1:1: port has changed; it takes effect at the next start`,
      `${path}:2:1: log_level has changed; it takes effect at the next start`,
    ]);
    assert.match(modelFile!.read(Buffer.from('port: 1')).errors.join(), /no models any more/);
    assert.deepEqual(modelFile!.read(Buffer.from('models: []')).errors, []);
  });
});
