/** `pillion serve` on files of configuration: what is read, what is refused, and what a crash in between leaves. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { ConfigFiles } from '../support/config-files.ts';
import { killSidecars, runPillion, startSidecar } from '../support/sidecar.ts';

const DIGITS = resolve('examples/digits/models/digits');
const HALF_PLUS_TWO = resolve('examples/half_plus_two/models/half_plus_two');
const FREE_PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0'];

const model = (name: string, basePath: string, more = ''): string =>
  `config { name: "${name}" base_path: "${basePath}" model_platform: "tensorflow" ${more} }`;
const list = (...models: readonly string[]): string => `model_config_list {\n  ${models.join('\n  ')}\n}\n`;
const TWO = list(model('digits', DIGITS), model('half', HALF_PLUS_TWO, 'version_labels { key: "stable" value: 1 }'));

async function predict(rest: string, path: string): Promise<unknown> {
  const answer = await fetch(`${rest}/v1/models/${path}:predict`, { method: 'POST', body: '{"instances": [1, 2]}' });
  return answer.json();
}

/** A second version of half_plus_two beside the first, in a directory of the test's own. */
function copyOfHalfPlusTwo(t: TestContext, batchingParameters: string): string {
  const base = join(new ConfigFiles(t).directory, 'half');
  cpSync(HALF_PLUS_TWO, base, { recursive: true });
  writeFileSync(join(base, '1', 'batching_params.pbtxt'), batchingParameters);
  return base;
}

afterEach(killSidecars);

describe('pillion serve with files', () => {
  it('serves every model of a model_config_file, with labels in the first one', async (t) => {
    const path = new ConfigFiles(t).write('models.config', TWO);
    const sidecar = await startSidecar([`--model_config_file=${path}`]);
    assert.deepEqual(await predict(sidecar.rest, 'half/labels/stable'), { predictions: [2.5, 3] });
    assert.equal((await fetch(`${sidecar.rest}/v1/models/digits`)).status, 200);
    assert.equal(await sidecar.stop(), 0);
  });

  it('serves what pillion.yaml says', async (t) => {
    const files = new ConfigFiles(t);
    const monitoring = files.write('monitoring', 'prometheus_config { enable: true path: "/metrics" }');
    const yaml = `monitoring_config_file: ${monitoring}\nmodels:\n  - name: half\n    base_path: ${HALF_PLUS_TWO}\n    labels: {stable: 1}\n    batching: {max_batch_size: 2}\n`;
    const sidecar = await startSidecar([`--config=${files.write('pillion.yaml', yaml)}`]);
    assert.deepEqual(await predict(sidecar.rest, 'half/labels/stable'), { predictions: [2.5, 3] });
    const page = await (await fetch(`${sidecar.rest}/metrics`)).text();
    assert.match(page, /pillion_batches_total\{.*model="half"/);
    assert.equal((await fetch(`${sidecar.rest}/monitoring/prometheus/metrics`)).status, 404);
    assert.equal(await sidecar.stop(), 0);
  });

  it('serves no metrics on REST where a monitoring file does not enable them, and does on the admin port', async (t) => {
    const monitoring = new ConfigFiles(t).write('monitoring', 'prometheus_config { }');
    const args = [`--model=half=${HALF_PLUS_TWO}`, `--monitoring_config_file=${monitoring}`];
    const sidecar = await startSidecar(args);
    assert.equal((await fetch(`${sidecar.rest}/monitoring/prometheus/metrics`)).status, 404);
    assert.equal((await fetch(`${sidecar.admin}/metrics`)).status, 200);
    assert.equal(await sidecar.stop(), 0);
  });

  it('takes a command line of TensorFlow Serving, and says what has no effect', async (t) => {
    const batching = new ConfigFiles(t).write(
      'batching',
      'max_batch_size { value: 8 } thread_pool_name { value: "x" }',
    );
    const args = [
      '--model_name=half',
      `--model_base_path=${HALF_PLUS_TWO}`,
      '--enable_batching',
      `--batching_parameters_file=${batching}`,
      '--rest_api_num_threads=16',
      '--tensorflow_session_parallelism=2',
    ];
    const sidecar = await startSidecar(args);
    const machine = await sidecar.line((line) => line.event === 'machine');
    assert.equal(machine['max_batch_size'], 8);
    const warned = sidecar.lines.filter((line) => line.event === 'config_warning').map((line) => line.msg);
    assert.equal(warned.length, 3);
    assert.match(
      warned.join('\n'),
      /rest_api_num_threads has no effect.*\n.*session_parallelism.*\n.*thread_pool_name/,
    );
    assert.equal(await sidecar.stop(), 0);
  });

  it('serves a command line of TensorFlow Serving without a command before it', async () => {
    const child = runPillion(['--port=0', '--rest_api_port=0', '--admin_port=0', `--model_base_path=${HALF_PLUS_TWO}`]);
    await child.line((line) => line.event === 'ready');
    assert.equal(await child.stop(), 0);
    const version = runPillion(['serve', '--version']);
    assert.equal(await version.exited, 0);
    assert.match(version.output(), /^pillion \d/);
  });

  it('batches a version as its batching_params.pbtxt says, and refuses a broken one by its place', async (t) => {
    const good = copyOfHalfPlusTwo(t, 'max_batch_size { value: 1 }');
    const flag = '--enable_per_model_batching_parameters';
    const sidecar = await startSidecar([`--model=half=${good}`, flag]);
    assert.deepEqual(await predict(sidecar.rest, 'half'), { predictions: [2.5, 3] });
    const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
    // Two rows that are run as they came count as one.
    assert.match(page, /pillion_batch_size_sum\{[^}]*\} 1$/m);
    assert.equal(await sidecar.stop(), 0);
    const broken = copyOfHalfPlusTwo(t, 'max_batch_size: 1');
    const refused = runPillion(['serve', `--model=half=${broken}`, flag, ...FREE_PORTS]);
    assert.equal(await refused.exited, 1);
    assert.match(refused.output(), /batching_params.pbtxt:1:17: max_batch_size is a message/);
  });

  it('ends with 64 and every mistake of a file', async (t) => {
    const path = new ConfigFiles(t).write('models.config', list(model('a', 'relative'), model('a', '/a')));
    const wrong = runPillion(['serve', `--model_config_file=${path}`]);
    assert.equal(await wrong.exited, 64);
    assert.match(wrong.output(), /models.config:2:22: model "a": base_path wants an absolute path/);
    assert.match(wrong.output(), /models.config:3:12: model "a" is given twice/);
  });

  it('checks a configuration without serving it', async (t) => {
    const path = new ConfigFiles(t).write('models.config', TWO);
    const sound = runPillion(['config', 'check', `--model_config_file=${path}`], { PILLION_PORT: '1' });
    assert.equal(await sound.exited, 0);
    assert.match(sound.output(), /^port: 1 +# environment PILLION_PORT$/m);
    assert.match(sound.output(), /^ {2}- name: half$/m);
    const wrong = runPillion(['config', 'check', '--prt=1']);
    assert.equal(await wrong.exited, 64);
    assert.match(wrong.output(), /unknown option --prt; did you mean --port\?/);
    assert.equal(await runPillion(['config', 'chek']).exited, 64);
    assert.equal(await runPillion(['config', '--help']).exited, 0);
  });
});

describe('a model_config_file that is rewritten', () => {
  const POLL = '--model_config_file_poll_wait_seconds=1';

  it('and is broken leaves the models as they are, said once with the place', async (t) => {
    const path = new ConfigFiles(t).write('models.config', TWO);
    const sidecar = await startSidecar([`--model_config_file=${path}`, POLL]);
    writeFileSync(path, 'model_config_list { confg { } }');
    const refused = await sidecar.line((line) => line.event === 'models_reload');
    assert.match(refused.msg!, /models.config:1:21: .*no field "confg"; did you mean "config"\?/);
    assert.deepEqual(await predict(sidecar.rest, 'half'), { predictions: [2.5, 3] });
    assert.equal(await sidecar.stop(), 0);
    assert.equal(sidecar.lines.filter((line) => line.event === 'models_reload').length, 1);
  });

  it('by a writer that is killed half-way is refused at the next start, and whole again starts clean', async (t) => {
    const files = new ConfigFiles(t);
    const path = files.write('models.config', TWO);
    const sidecar = await startSidecar([`--model_config_file=${path}`, POLL]);
    const half = TWO.slice(0, TWO.length / 2);
    const script = `const fs = require('node:fs'); fs.writeFileSync(process.argv[1], process.argv[2]); console.log('half'); setInterval(() => {}, 1000)`;
    const writer = spawn(process.execPath, ['-e', script, path, half], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((done) => writer.stdout.once('data', done));
    sidecar.process.kill('SIGKILL');
    writer.kill('SIGKILL');
    await sidecar.exited;
    const broken = runPillion(['serve', `--model_config_file=${path}`, ...FREE_PORTS]);
    assert.equal(await broken.exited, 64);
    assert.match(broken.output(), /models.config:\d+:\d+: /);
    renameSync(files.write('whole', TWO), path);
    const again = await startSidecar([`--model_config_file=${path}`, POLL]);
    assert.deepEqual(await predict(again.rest, 'half'), { predictions: [2.5, 3] });
    assert.equal(await again.stop(), 0);
  });
});
