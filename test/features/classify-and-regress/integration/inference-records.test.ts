/**
 * Classify, Regress and MultiInference in warm-up files, golden requests, request logs and recordings, against the real
 * sidecar, by every way such a request comes in.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { classifyLog, floatExample, loggedInference, multiInferenceLog } from '../../../support/inference-logs.ts';
import { readRecords, writeRecords } from '../../../support/prediction-logs.ts';
import { encode, type Fields } from '../../../support/proto-registry.ts';
import { answerOf, frame, openCall, openSession } from '../../../support/raw-grpc.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { writeSurfaceModels } from '../../../support/surface-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const ANY_PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'];
const X = [1, 2, 3, 4];
/** y = 2x + 1 as scores. */
const CLASSES = [
  ['a', 3],
  ['b', 5],
  ['c', 7],
  ['d', 9],
] as const;
const INPUT = { kind: { case: 'exampleList', value: { examples: [floatExample('x', ...X)] } } };
const CLASSIFY = { name: 'examples', signatureName: 'classify' };
const REGRESS = { name: 'examples', signatureName: 'regress' };
const TASKS = [
  { modelSpec: REGRESS, methodName: 'tensorflow/serving/regress' },
  { modelSpec: CLASSIFY, methodName: 'tensorflow/serving/classify' },
];

afterEach(killSidecars);

/** The model "examples" in a directory of its own. */
function makeModel(t: TestContext) {
  const directory = tempDirectory(t);
  writeSurfaceModels(directory, ['examples']);
  const base = join(directory, 'examples');
  const extra = (version: number, file: string): string => join(base, String(version), 'assets.extra', file);
  return {
    directory,
    base,
    flag: `--model=examples=${base}`,
    warmUpFile: (version: number) => extra(version, 'tf_serving_warmup_requests'),
    goldenFile: (version: number) => extra(version, 'pillion_golden_requests'),
    /** Version 1 becomes version 2. */
    renumber: () => renameSync(join(base, '1'), join(base, '2')),
    /** In what pillion.yaml says. */
    change: (version: number, from: string, to: string) => {
      const file = join(base, String(version), 'pillion.yaml');
      const text = readFileSync(file, 'utf8');
      assert.ok(text.includes(from));
      writeFileSync(file, text.replace(from, to));
    },
  };
}

async function postJson(sidecar: Sidecar, verb: string): Promise<void> {
  const body = JSON.stringify({ signature_name: verb, examples: [{ x: X }] });
  const answer = await fetch(`${sidecar.rest}/v1/models/examples:${verb}`, { method: 'POST', body });
  assert.equal(answer.status, 200, await answer.text());
}

async function postProtobuf(sidecar: Sidecar, verb: string, message: string, modelSpec: Fields): Promise<void> {
  const answer = await fetch(`${sidecar.rest}/v1/models/examples:${verb}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: Buffer.from(encode(`tensorflow.serving.${message}`, { modelSpec, input: INPUT })),
  });
  assert.equal(answer.status, 200, await answer.text());
}

async function call(t: TestContext, sidecar: Sidecar, method: string, message: string, request: Fields): Promise<void> {
  const session = openSession(sidecar.grpc);
  t.after(() => session.destroy());
  const stream = openCall(session, `/tensorflow.serving.PredictionService/${method}`);
  const answer = answerOf(stream);
  stream.end(frame(encode(`tensorflow.serving.${message}`, { ...request, input: INPUT })));
  assert.equal((await answer).grpcStatus, 0);
}

/** Seven requests, by every way there is. */
async function askAllWays(t: TestContext, sidecar: Sidecar): Promise<void> {
  await postJson(sidecar, 'classify');
  await postJson(sidecar, 'regress');
  await postProtobuf(sidecar, 'classify', 'ClassificationRequest', CLASSIFY);
  await postProtobuf(sidecar, 'regress', 'RegressionRequest', REGRESS);
  await call(t, sidecar, 'Classify', 'ClassificationRequest', { modelSpec: CLASSIFY });
  await call(t, sidecar, 'Regress', 'RegressionRequest', { modelSpec: REGRESS });
  await call(t, sidecar, 'MultiInference', 'MultiInferenceRequest', { tasks: TASKS });
}

describe('a request log of a model that takes examples', () => {
  it('has each request once, as what it was, for the official Python messages to read', async (t) => {
    const python = process.env['PILLION_TEST_PYTHON'];
    assert.ok(python, 'PILLION_TEST_PYTHON names the environment of test/clients/requirements.txt; npm test sets it');
    const model = makeModel(t);
    const logs = join(model.directory, 'logs');
    const sidecar = await startSidecar([`${model.flag},log=${join(logs, 'e')},log_rate=1`]);
    await askAllWays(t, sidecar);
    assert.equal(await sidecar.stop(), 0);
    const files = readdirSync(logs).map((name) => join(logs, name));
    const { stdout } = await promisify(execFile)(python, ['test/clients/read_records.py', ...files]);
    const classes = [CLASSES];
    const [classified, regressed] = [
      { kind: 'classify_log', models: [['examples', 'classify']], results: [classes] },
      { kind: 'regress_log', models: [['examples', 'regress']], results: [[10]] },
    ];
    const both = {
      kind: 'multi_inference_log',
      models: [
        ['examples', 'regress'],
        ['examples', 'classify'],
      ],
      results: [[10], classes],
    };
    const wanted = [classified, regressed, classified, regressed, classified, regressed, both];
    assert.deepEqual(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
      wanted.map((each) => ({ ...each, answered: ['examples', 1], x: [X] })),
    );
  });
});

describe('a recording of a model that takes examples', () => {
  /** Records all that askAllWays asks into `out`. */
  async function record(t: TestContext, sidecar: Sidecar, out: string, ...more: string[]): Promise<void> {
    const admin = `--admin=${sidecar.admin.slice('http://'.length)}`;
    const recorder = runPillion(['record', '--model=examples', admin, `--out=${out}`, '--count=7', ...more]);
    await recorder.printed('Ctrl-C');
    await askAllWays(t, sidecar);
    assert.equal(await recorder.exited, 0, recorder.output());
  }

  it('warms up and proves the next version, and refuses one that answers otherwise', async (t) => {
    const model = makeModel(t);
    const sidecar = await startSidecar([model.flag]);
    const [warmUp, golden] = [join(model.directory, 'warm-up'), join(model.directory, 'golden')];
    await record(t, sidecar, warmUp);
    await record(t, sidecar, golden, '--golden');
    assert.equal(await sidecar.stop(), 0);
    assert.deepEqual(
      readRecords(golden).map((each) => loggedInference(each).type),
      ['classifyLog', 'regressLog', 'classifyLog', 'regressLog', 'classifyLog', 'regressLog', 'multiInferenceLog'],
    );
    model.renumber();
    cpSync(warmUp, model.warmUpFile(2));
    cpSync(golden, model.goldenFile(2));
    const same = await startSidecar([model.flag]);
    const replayed = same.lines.filter(({ event }) => event === 'replayed');
    assert.deepEqual(
      replayed.map((line) => [line['version'], line['what'], line['records']]),
      [
        ['2', 'warm-up', 7],
        ['2', 'golden', 7],
      ],
    );
    assert.equal(await same.stop(), 0);
    model.change(2, 'labels: [a, b, c, d]', 'labels: [a, b, c, e]');
    const changed = runPillion(['serve', model.flag, ...ANY_PORTS]);
    assert.equal(await changed.exited, 1);
    assert.match(
      changed.output(),
      /version 2: its golden requests failed: .*record 1 at byte 0: the answer differs at example 0, class 3: the label is \\?"e\\?", but \\?"d\\?" was recorded/,
    );
    assert.ok(!changed.lines.some((line) => line['version'] === '2' && line['state'] === 'AVAILABLE'));
  });
});

describe('a warm-up file with methods on examples', () => {
  const example = floatExample('x', ...X);

  it('is replayed on every thread, whatever models it names', async (t) => {
    const model = makeModel(t);
    const named = TASKS.map((task) => ({ ...task, modelSpec: { ...task.modelSpec, name: 'another' } }));
    const unnamed = TASKS.map(({ methodName, modelSpec: { signatureName } }) => ({
      methodName,
      modelSpec: { signatureName },
    }));
    const records = [named, unnamed].map((tasks) => multiInferenceLog(tasks, [example]));
    writeRecords(model.warmUpFile(1), ...records, classifyLog({ modelSpec: CLASSIFY, examples: [example] }));
    const sidecar = await startSidecar([`${model.flag},host=thread`, '--num_batch_threads=2']);
    const replayed = sidecar.lines.find(({ event }) => event === 'replayed');
    assert.equal(replayed!['records'], 3);
    assert.equal(await sidecar.stop(), 0);
  });

  it('ends the start, naming record and reason, where one of them is refused', async (t) => {
    const model = makeModel(t);
    const good = classifyLog({ modelSpec: CLASSIFY, examples: [example] });
    writeRecords(model.warmUpFile(1), good, classifyLog({ modelSpec: REGRESS, examples: [example] }));
    const refused = runPillion(['serve', model.flag, ...ANY_PORTS]);
    assert.equal(await refused.exited, 1);
    assert.match(refused.output(), /warm-up requests failed: .*record 2 at byte \d+: .*does not classify/);
  });
});
