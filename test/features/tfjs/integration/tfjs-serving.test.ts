/** TensorFlow's models behind the real surfaces: a sidecar of its own, whose models run in processes of theirs. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import { FEATURES } from '../../../../src/pillion.ts';
import { modelProcesses } from '../../../support/child-processes.ts';
import { type Answer, clientClass, PREDICTION } from '../../../support/grpc-harness.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { DIGITS_MODELS, expectedOfFixtures, FIXTURES, floatExample } from '../tfjs-models.ts';

const expected = expectedOfFixtures();
const FLOAT_ROWS = expected.x.map((x) => [x]);
const NAMES = {
  half_plus_two: FIXTURES,
  module: FIXTURES,
  digits_tensorflow: DIGITS_MODELS,
  digits_tfjs: DIGITS_MODELS,
};

/** A float feature: what is written 1 is an integer one, and the graph asks for floats. */
function inJson(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

for (const [where, keys] of [
  ['in processes of their own', ''],
  ['in a process that they share', ',process_group=tensorflow'],
] as const) {
  describe(`pillion serve with models of TensorFlow ${where}`, () => serving(keys));
}

/** With these keys of each `--model`. */
function serving(keys: string): void {
  let sidecar: Sidecar;

  before(async () => {
    const flags = Object.entries(NAMES).map(([name, parent]) => `--model=${name}=${parent}/${name}${keys}`);
    sidecar = await startSidecar(flags);
  });
  after(async () => {
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
  });

  /** A body that is a text goes as it is. */
  async function post(path: string, json: unknown): Promise<{ status: number; json: Answer }> {
    const body = typeof json === 'string' ? json : JSON.stringify(json);
    const answer = await fetch(`${sidecar.rest}/v1/models/${path}`, { method: 'POST', body });
    return { status: answer.status, json: await answer.json() };
  }

  function grpc(method: string, request: object): Promise<Answer> {
    const Client = clientClass(PREDICTION);
    const client: Answer = new Client(sidecar.grpc, credentials.createInsecure());
    return new Promise((resolve, reject) => {
      client[method](request, (error: Error | null, answer: Answer) => {
        client.close();
        if (error === null) resolve(answer);
        else reject(error);
      });
    });
  }

  it('runs them in processes, and says what it does not serve', async () => {
    for (const model of Object.keys(NAMES))
      await sidecar.line((line) => line['model'] === model && line['host'] === 'process');
    await sidecar.line((line) => /signature "wave" is not served: .*DT_COMPLEX64/.test(line.msg ?? ''));
    const { status, json } = await post('module:predict', { signature_name: 'wave', inputs: [1] });
    assert.equal(status, 400);
    assert.match(json.error, /no signature "wave"/);
    const processes = keys === '' ? Object.keys(NAMES).length : 1;
    assert.equal(modelProcesses(sidecar.process.pid!).length, processes);
  });

  it('predicts, classifies and regresses as TensorFlow does, over REST', async () => {
    const predicted = await post('half_plus_two:predict', { instances: FLOAT_ROWS });
    assert.deepEqual(predicted.json.predictions.flat().map(Math.fround), expected.y);
    const examples = expected.x.map((x) => `{"x":${inJson(x)},"x2":${inJson(2 * x)}}`);
    for (const [name, values] of Object.entries(expected.by_example)) {
      const method = name.startsWith('classify') ? 'classify' : 'regress';
      const { json } = await post(`half_plus_two:${method}`, `{"signature_name":"${name}","examples":[${examples}]}`);
      const numbers =
        method === 'classify' ? json.results.map(([[label, score]]: Answer) => [label, score]) : json.results;
      const wanted = method === 'classify' ? values.map((value) => ['', value]) : values;
      assert.deepEqual(
        numbers.map((each: Answer) => (Array.isArray(each) ? [each[0], Math.fround(each[1])] : Math.fround(each))),
        wanted,
        name,
      );
    }
  });

  it('predicts, classifies and regresses over gRPC', async () => {
    const model_spec = { name: 'half_plus_two', signature_name: '' };
    const dims = [expected.x.length, 1].map((size) => ({ size, name: '' }));
    const x = { dtype: 'DT_FLOAT', tensor_shape: { dim: dims }, float_val: expected.x };
    const { outputs } = await grpc('Predict', { model_spec, inputs: { x } });
    assert.deepEqual(outputs.y.float_val, expected.y);
    const list = expected.x.map((value) => ({ features: { feature: { x: { float_list: { value: [value] } } } } }));
    const input = { example_list: { examples: list } };
    const regressed = await grpc('Regress', { model_spec: { ...model_spec, signature_name: 'regress_x_to_y' }, input });
    assert.deepEqual(
      regressed.result.regressions.map(({ value }: Answer) => value),
      expected.by_example['regress_x_to_y'],
    );
    const classified = await grpc('Classify', {
      model_spec: { ...model_spec, signature_name: 'classify_x_to_y' },
      input,
    });
    assert.deepEqual(
      classified.result.classifications.map(({ classes }: Answer) => classes[0].score),
      expected.by_example['classify_x_to_y'],
    );
  });

  it('reads digits on two runtimes, with labels', async () => {
    const scans = JSON.parse(readFileSync('examples/digits/scans.json', 'utf8')) as { pixels: number[] }[];
    const answers = JSON.parse(readFileSync('examples/digits/expected_tensorflow.json', 'utf8')) as Answer[];
    const instances = scans.map(({ pixels }) => pixels);
    for (const model of ['digits_tensorflow', 'digits_tfjs']) {
      const { json } = await post(`${model}:predict`, { instances });
      assert.deepEqual(
        json.predictions.map(({ digit }: Answer) => digit),
        answers.map(({ digit }) => digit),
        model,
      );
    }
    const examples = instances.map((pixels) => `{"pixels":[${pixels.map(inJson)}]}`);
    const body = `{"signature_name":"classify","examples":[${examples}]}`;
    const { json } = await post('digits_tensorflow:classify', body);
    const best = json.results.map((row: [string, number][]) => row.reduce((a, b) => (b[1] > a[1] ? b : a))[0]);
    assert.deepEqual(
      best,
      answers.map(({ digit }) => String(digit)),
    );
  });

  it('takes and gives text, bytes and large integers, and fills in defaults', async () => {
    const reversed = await post('module:predict', {
      signature_name: 'reverse',
      instances: [{ b64: Buffer.from([0, 255]).toString('base64') }, 'é'],
    });
    assert.equal(reversed.status, 200, JSON.stringify(reversed.json));
    assert.deepEqual(
      reversed.json.predictions.map(({ bytes }: Answer) => bytes),
      [2, 2],
    );
    const body = `{"signature_name":"add_one","inputs":[${expected.n.join()}]}`;
    const answer = await fetch(`${sidecar.rest}/v1/models/module:predict`, { method: 'POST', body });
    const text = (await answer.text()).replaceAll(/\s/g, '');
    assert.ok(text.includes(`[${expected.n_plus_one.join()}]`), text);
    const scaled = await post('module:predict', { signature_name: 'scaled', inputs: { x: [[1, 2]] } });
    assert.deepEqual(scaled.json.outputs, [[2.5, 5]]);
  });

  it('shows the method names and tensors of every signature', async () => {
    const { metadata } = (await (await fetch(`${sidecar.rest}/v1/models/half_plus_two/metadata`)).json()) as Answer;
    const { classify_x_to_y: classify, serving_default: predict } = metadata.signature_def.signature_def;
    assert.equal(classify.method_name, 'tensorflow/serving/classify');
    assert.deepEqual(classify.inputs.inputs.dtype, 'DT_STRING');
    assert.deepEqual([predict.method_name, predict.inputs.x.name], ['tensorflow/serving/predict', 'x:0']);
  });

  it('answers a bad example, a wrong shape and a missing input with 400, and goes on', async () => {
    const bad = Buffer.from('no example').toString('base64');
    const cases: [string, unknown, RegExp][] = [
      ['half_plus_two:predict', { signature_name: 'classify_x_to_y', instances: [{ b64: bad }] }, /parse example/],
      [
        'digits_tensorflow:predict',
        { instances: [[1, 2]] },
        /has shape \[1,2\].*; send 64 elements a row, not 2\. The model refused it: TensorFlow: /,
      ],
      ['digits_tensorflow:classify', { signature_name: 'classify', examples: [{}] }, /pixels.*is required/],
      ['module:predict', { signature_name: 'scaled', inputs: {} }, /"x"/],
    ];
    for (const [path, body, text] of cases) {
      const { status, json } = await post(path, body);
      assert.equal(status, 400, JSON.stringify(json));
      assert.match(json.error, text);
    }
    const good = {
      signature_name: 'classify_x_to_y',
      instances: [{ b64: Buffer.from(floatExample({ x: [1] })).toString('base64') }],
    };
    assert.deepEqual((await post('half_plus_two:predict', good)).json.predictions, [[2.5]]);
  });

  it('keeps answering a good caller beside one that sends shapes the graph refuses', async () => {
    for (const model of ['digits_tensorflow', 'digits_tfjs']) {
      const path = `${model}:predict`;
      const bad = Array.from({ length: 20 }, () => post(path, { instances: [[1, 2]] }));
      const good = Array.from({ length: 20 }, () => post(path, { instances: [new Array(64).fill(0)] }));
      for (const { status, json } of await Promise.all(bad)) {
        assert.equal(status, 400, JSON.stringify(json));
        assert.match(
          json.error,
          /has shape \[1,2\].* wants \[\?,64\]; send 64 elements a row, not 2\. The model refused it/,
        );
      }
      for (const { status, json } of await Promise.all(good)) assert.equal(status, 200, JSON.stringify(json));
    }
    const { models } = (await (await fetch(`${sidecar.admin}/models`)).json()) as { models: Answer[] };
    for (const { versions } of models) assert.equal(versions[0].breaker.state, 'closed');
  });

  const hasProfile = FEATURES.features.some(({ name }) => name === 'profile');
  it('shows in a profile which ops take the time of a run', { skip: !hasProfile }, async () => {
    const headers = { 'x-pillion-console': '1' };
    const answer = await fetch(`${sidecar.admin}/profile?seconds=1&model=digits_tensorflow`, { headers });
    const { otherData } = (await answer.json()) as { otherData: Answer };
    const [digits] = otherData.models;
    assert.deepEqual([digits!.model, digits!.note], ['digits_tensorflow', undefined]);
    // 10, or as many as a busy machine runs in two seconds.
    const runs = digits!.runs!;
    assert.ok(runs >= 1 && runs <= 10, `${runs} runs`);
    assert.ok(digits!.top_ops!.by_op.some(({ op, calls }: Answer) => op.endsWith('MatMul') && calls === 2 * runs));
    assert.ok(digits!.top_ops!.by_node.some(({ node }: Answer) => node!.endsWith('/Softmax')));
  });
}
