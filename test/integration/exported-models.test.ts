/**
 * Classifiers as scikit-learn's and LightGBM's exporters write them, with their ZipMap: answers are the libraries' own,
 * alone and in company. And what of a model is not served is named in all places.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import type { ModelsReport } from '../../src/admin/models-report.ts';
import { callTogether } from '../support/call-together.ts';
import { type Answer, clientClass, MODEL, PREDICTION } from '../support/grpc-harness.ts';
import { untilProved } from '../support/proved-axes.ts';
import { assertAnswers, EXPORTS, exportCases, outputsOf, predictRequest, someRows } from '../support/real-exports.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../support/sidecar.ts';

const CASES = Object.entries(exportCases());
/** Requests at once, of one to three rows. */
const CALLERS = 24;
const LEFT_OUT =
  'output "probabilities" is a sequence, a map or an optional: it is not served; export it as a plain tensor';
const CLASSES = /^output ".*" is a map of classes \(ZipMap\): it is served as a tensor .* the classes "setosa", "vers/;

let sidecar: Sidecar;

before(async () => {
  sidecar = await startSidecar(CASES.map(([name]) => `--model=${name}=${EXPORTS}/${name}`));
});
after(killSidecars);

async function rest(path: string, body?: object): Promise<Answer> {
  const init = body && { method: 'POST', body: JSON.stringify(body) };
  const answer = await fetch(`${sidecar.rest}/v1/models/${path}`, init);
  return answer.json();
}

async function grpc(service: string, method: string, request: object): Promise<Answer> {
  const Client = clientClass(service);
  const client: Answer = new Client(sidecar.grpc, credentials.createInsecure());
  try {
    return await new Promise((resolve, reject) => {
      client[method](request, (error: Error | null, answer: Answer) => (error ? reject(error) : resolve(answer)));
    });
  } finally {
    client.close();
  }
}

async function report(): Promise<ModelsReport['models']> {
  return ((await (await fetch(`${sidecar.admin}/models`)).json()) as ModelsReport).models;
}

describe('an export answers as its library does', () => {
  for (const [name, whole] of CASES) {
    it(name, async () => {
      const rows = Object.values(whole.inputs)[0]!.length;
      const parts = Array.from({ length: CALLERS }, (_, i) =>
        someRows(whole, i % (rows - 3), (i % (rows - 3)) + 1 + (i % 3)),
      );
      const { outputs } = await rest(`${name}:predict`, { inputs: whole.inputs });
      const [only] = Object.keys(whole.outputs);
      assertAnswers(Array.isArray(outputs) ? { [only!]: outputs } : outputs, whole, 'REST');
      const answers = await callTogether(
        sidecar.grpc,
        'Predict',
        [whole, ...parts].map((part) => predictRequest(name, part)),
      );
      for (const [i, part] of [whole, ...parts].entries())
        assertAnswers(outputsOf(answers[i]), part, `gRPC, request ${i}`);
    });
  }

  it('and shares runs', async () => {
    await untilProved(sidecar);
    const axes = (await report()).map(({ name, versions }) => [name, versions[0]?.signatures?.[0]?.batch_axis]);
    assert.deepEqual(
      axes,
      CASES.map(([name]) => [name, 'dynamic']),
    );
  });

  it('with columns of types of their own, a row is an object', async () => {
    const { predictions } = await rest('columns:predict', {
      instances: [{ age: [18], visits: [0], city: ['Rome'] }],
    });
    const expected = exportCases()['columns']!.outputs;
    assert.equal(predictions[0].output_label, expected['output_label']![0]);
  });
});

describe('what is not served, or otherwise than in the file', () => {
  const cases: [string, string | RegExp][] = [
    ['two-labels', LEFT_OUT],
    ['sklearn-three-names', CLASSES],
  ];
  const matches = (text: string, wanted: string | RegExp): boolean =>
    typeof wanted === 'string' ? text === wanted : wanted.test(text);
  for (const [model, wanted] of cases) {
    it(`${model}: in the log, the metadata, GET /models and pillion status`, async () => {
      await sidecar.line((line) => line['model'] === model && matches(String(line.msg), wanted));
      const { metadata } = await rest(`${model}/metadata`);
      assert.ok(metadata.notes.length === 1 && matches(metadata.notes[0], wanted));
      const request = { model_spec: { name: model }, metadata_field: ['signature_def', 'notes'] };
      const { notes } = (await grpc(PREDICTION, 'GetModelMetadata', request)).metadata;
      assert.equal(notes.type_url, 'type.googleapis.com/google.protobuf.StringValue');
      const plain = { ...request, metadata_field: ['signature_def'] };
      const { metadata: unasked } = await grpc(PREDICTION, 'GetModelMetadata', plain);
      assert.deepEqual(Object.keys(unasked), ['signature_def']);
      // StringValue: a tag, a length of one or two bytes, the text.
      assert.ok(notes.value.toString('utf8').endsWith(metadata.notes[0]));
      const { warnings = [], notes: told = [] } = (await report()).find(({ name }) => name === model)!.versions[0]!;
      assert.deepEqual([...warnings, ...told], metadata.notes);
      const status = runPillion(['status', `--admin=${sidecar.admin.slice('http://'.length)}`]);
      assert.equal(await status.exited, 0);
      assert.ok(status.output().includes(`${model} version 1: ${metadata.notes[0]}\n`));
    });
  }

  it('the status of a version names what is not served, and nothing else', async () => {
    const of = async (model: string) => (await rest(model)).model_version_status[0].status;
    assert.deepEqual(await of('two-labels'), { error_code: 'OK', error_message: LEFT_OUT });
    assert.deepEqual(await of('sklearn-three-names'), { error_code: 'OK', error_message: '' });
    const { model_version_status: found } = await grpc(MODEL, 'GetModelStatus', { model_spec: { name: 'two-labels' } });
    assert.deepEqual(found[0].status, { error_code: 'OK', error_message: LEFT_OUT });
  });
});
