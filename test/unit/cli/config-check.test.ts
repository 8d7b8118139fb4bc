import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { serveOptions } from '../../../src/config/options/serve-options.ts';
import { FEATURES } from '../../../src/pillion.ts';
import { ConfigFiles, checkConfig, errorsOf } from '../../support/config-files.ts';
import { hasFeature } from '../../support/has-feature.ts';
import { selfSigned } from '../../support/self-signed.ts';
import { plusConfig, TritonRepository } from '../../support/triton-repository.ts';

const YAML = `port: 1
models:
  - name: m
    base_path: /m
    versions: [3, 7]
    labels: {stable: 3}
    batching: {max_batch_size: 8, inputs: {s: {batch_axis: 1}, r: {batch: same}}, outputs: {o: {batch_axis: 2}}}
    provider: cuda
    devices: 1
`;

describe('pillion config check', () => {
  it('prints every option with where its value came from', (t) => {
    const path = new ConfigFiles(t).write('p.yaml', YAML);
    const { isSound, output, errors } = checkConfig([`--config=${path}`, '--admin_port=2'], { PILLION_HOST: 'thread' });
    assert.deepEqual([isSound, errors], [true, []]);
    assert.match(output, new RegExp(`^port: 1 +# ${path}:1:1$`, 'm'));
    assert.match(output, /^admin_port: 2 +# --admin_port$/m);
    assert.match(output, /^host: thread +# environment PILLION_HOST$/m);
    assert.match(output, /^rest_api_port: 8501 +# default$/m);
    for (const name of Object.keys(serveOptions(FEATURES))) assert.match(output, new RegExp(`^${name}: `, 'm'));
  });

  it('prints models in the form that pillion.yaml takes', (t) => {
    const files = new ConfigFiles(t);
    const { output } = checkConfig([`--config=${files.write('p.yaml', YAML)}`]);
    const printed = parse(output) as { models: Record<string, unknown>[] };
    assert.equal(printed.models[0]!['base_path'], '/m');
    assert.deepEqual([printed.models[0]!['provider'], printed.models[0]!['devices']], ['cuda', [1]]);
    assert.deepEqual(printed.models[0]!['batching'], {
      max_batch_size: 8,
      inputs: { s: { batch_axis: 1 }, r: { batch: 'same' } },
      outputs: { o: { batch_axis: 2 } },
    });
    const { models } = printed;
    const again = files.write(
      'again.yaml',
      JSON.stringify({ models: models.map((model) => ({ ...model, versions: 'all', labels: {} })) }),
    );
    assert.deepEqual(errorsOf([`--config=${again}`]), []);
  });

  const skip = !hasFeature('triton-repository');
  it('prints why a model of a Triton repository is refused, and accepts the others', { skip }, (t) => {
    const repository = new TritonRepository(t);
    repository.model('good', plusConfig('good', 'max_batch_size: 8 dynamic_batching { }'));
    repository.model('bad', 'max_batch_size: -1');
    const { isSound, output } = checkConfig([`--model-repository=${repository.directory}`]);
    assert.equal(isSound, true);
    const { models } = parse(output) as { models: Record<string, unknown>[] };
    assert.match(String(models[0]!['refused']), /config\.pbtxt:1:1: max_batch_size -1 is negative/);
    assert.deepEqual(models[1]!['batching'], {
      max_batch_size: 8,
      max_enqueued_batches: 800,
      inputs: { x: { batch_axis: 0 } },
      outputs: { y: { batch_axis: 0 } },
    });
  });

  it('prints JSON', (t) => {
    const path = new ConfigFiles(t).write('p.yaml', YAML);
    const { output, isSound } = checkConfig(['--json', `--config=${path}`, '--num_tflite_pools=1']);
    const printed = JSON.parse(output);
    assert.equal(isSound, true);
    assert.deepEqual(printed.options.port, { value: 1, from: `${path}:1:1` });
    assert.deepEqual(printed.models[0].versions, ['3', '7']);
    assert.equal(printed.metricsPath, '/monitoring/prometheus/metrics');
    assert.match(printed.warnings.join(), /num_tflite_pools has no effect/);
  });

  it('tells all that is wrong, in either form', () => {
    const args = ['--port=x', '--model=a'];
    const { isSound, output, errors } = checkConfig(args);
    assert.deepEqual([isSound, output, errors.length], [false, '', 2]);
    const printed = JSON.parse(checkConfig([...args, '--json']).output);
    assert.deepEqual([printed.isSound, printed.errors.length], [false, 2]);
  });

  it('names paths that are not there, and base paths without a version', (t) => {
    const { directory } = new ConfigFiles(t);
    const args = [`--model=gone=${directory}/gone`, `--model=empty=${directory}`, `--state_dir=${directory}/a/b`];
    const { isSound, warnings } = checkConfig(args);
    assert.equal(isSound, true);
    assert.deepEqual(warnings, [
      `--state_dir: ${directory}/a/b is not there, and neither is ${directory}/a`,
      `model "gone": base path ${directory}/gone is not there: the server will wait for it`,
      `model "empty": base path ${directory} has no version, such as ${directory}/1: the server will wait for one`,
    ]);
    assert.deepEqual(JSON.parse(checkConfig([...args, '--json']).output).warnings, warnings);
  });

  it('refuses paths that a shell was to complete, as serve does', (t) => {
    const home = homedir();
    const says = (path: string, what: string, instead: string): string =>
      `"${path}" has ${what}, which only a shell replaces, and not after "=", in quotes or in files: write ${instead}`;
    const yaml = new ConfigFiles(t).write('p.yaml', `models: [{name: m, base_path: "\${HOME}/m"}]`);
    for (const [args, error] of [
      [['--model_base_path=~/m'], `--model_base_path: model "default": base path ${says('~/m', '~', `${home}/m`)}`],
      [['--model=m=~ann/m'], `--model: model "m": base path ${says('~ann/m', '~ann', 'the whole path')}`],
      [[`--config=${yaml}`], `${yaml}: model "m": base path ${says(`\${HOME}/m`, `\${HOME}`, `${home}/m`)}`],
      [['--model=m=/m', '--state_dir=$HOME/s'], `--state_dir: ${says('$HOME/s', '$HOME', `${home}/s`)}`],
      [['--model=m=/m', '--grpc_socket_path=~'], `--grpc_socket_path: ${says('~', '~', home)}`],
    ] as const) {
      assert.deepEqual(checkConfig(args).errors, [error]);
      assert.deepEqual(errorsOf(args), [error]);
    }
  });

  it('never prints a key', (t) => {
    const { key, cert } = selfSigned();
    const files = new ConfigFiles(t);
    const path = files.write('ssl', `server_key: ${JSON.stringify(key)} server_cert: ${JSON.stringify(cert)}`);
    for (const form of [[], ['--json']]) {
      const { output } = checkConfig(['--model=m=/m', `--ssl_config_file=${path}`, ...form]);
      assert.match(output, form.length === 0 ? /# gRPC: TLS; REST: plain text/ : /"grpc": true/);
      assert.ok(!output.includes('PRIVATE KEY') && !output.includes(key.split('\n')[1]!));
    }
  });
});
