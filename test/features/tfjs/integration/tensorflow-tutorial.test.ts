/**
 * TensorFlow Serving's first tutorial ("Serving with Docker", and its REST page), command by command, with the model
 * that it serves: half_plus_two, whose signature declares [-1,1]. Its first request has another shape.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import { type Answer, clientClass, PREDICTION } from '../../../support/grpc-harness.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { FIXTURES } from '../tfjs-models.ts';

describe('TensorFlow Serving’s tutorial', () => {
  let sidecar: Sidecar;

  before(async () => {
    sidecar = await startSidecar([
      '--model_name=half_plus_two',
      `--model_base_path=${process.cwd()}/${FIXTURES}/half_plus_two`,
    ]);
  });
  after(async () => {
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
  });

  /** `curl -d BODY -X POST URL`, whose Content-Type is that of a form. */
  async function curl(path: string, body?: string): Promise<{ status: number; json: Answer }> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const post = body === undefined ? {} : { method: 'POST', headers, body };
    const answer = await fetch(`${sidecar.rest}${path}`, post);
    return { status: answer.status, json: await answer.json() };
  }

  function predict(tensor: object): Promise<Answer> {
    const Client = clientClass(PREDICTION);
    const client: Answer = new Client(sidecar.grpc, credentials.createInsecure());
    const request = { model_spec: { name: 'half_plus_two', signature_name: 'serving_default' }, inputs: { x: tensor } };
    return new Promise((resolve, reject) => {
      client.Predict(request, (error: Error | null, answer: Answer) => {
        client.close();
        if (error === null) resolve(answer);
        else reject(error);
      });
    });
  }

  it('answers its first request', async () => {
    const { status, json } = await curl('/v1/models/half_plus_two:predict', '{"instances": [1.0, 2.0, 5.0]}');
    assert.deepEqual({ status, json }, { status: 200, json: { predictions: [2.5, 3, 4.5] } });
  });

  it('tells the state and the signatures of the model', async () => {
    const { json } = await curl('/v1/models/half_plus_two');
    const status = { error_code: 'OK', error_message: '' };
    assert.deepEqual(json, { model_version_status: [{ version: '1', state: 'AVAILABLE', status }] });
    const { json: found } = await curl('/v1/models/half_plus_two/metadata');
    const { inputs, method_name } = found.metadata.signature_def.signature_def.serving_default;
    assert.equal(method_name, 'tensorflow/serving/predict');
    assert.deepEqual(
      inputs.x.tensor_shape.dim.map(({ size }: Answer) => size),
      ['-1', '1'],
    );
  });

  const BODIES: readonly (readonly [body: string, answer: unknown])[] = [
    ['{"instances": [[1.0], [2.0]]}', { predictions: [[2.5], [3]] }],
    ['{"instances": [{"x": 1.0}, {"x": 2.0}]}', { predictions: [2.5, 3] }],
    ['{"instances": [[[1.0]], [[2.0]]]}', { predictions: [[[2.5]], [[3]]] }],
    [
      '{"instances": [[1.0, 2.0], [3.0, 4.0]]}',
      {
        predictions: [
          [2.5, 3],
          [3.5, 4],
        ],
      },
    ],
    ['{"inputs": [1.0, 2.0, 5.0]}', { outputs: [2.5, 3, 4.5] }],
    ['{"inputs": {"x": 1.0}}', { outputs: 2.5 }],
    ['{"inputs": 1.0}', { outputs: 2.5 }],
  ];
  for (const [body, answer] of BODIES) {
    it(`lets the graph decide about the shape of ${body}`, async () => {
      assert.deepEqual(await curl('/v1/models/half_plus_two:predict', body), { status: 200, json: answer });
    });
  }

  it('refuses lists of unequal lengths', async () => {
    const { status, json } = await curl('/v1/models/half_plus_two:predict', '{"instances": [[1.0], [2.0, 3.0]]}');
    assert.equal(status, 400);
    assert.match(json.error, /make all of one level equally long/);
  });

  for (const shape of [[], [4], [3, 2, 1], [0], [2, 1]]) {
    it(`answers a tensor of shape [${shape}] over gRPC with one of the same shape`, async () => {
      const count = shape.reduce((a, b) => a * b, 1);
      const values = Array.from({ length: count }, (_, i) => i);
      const dim = shape.map((size) => ({ size, name: '' }));
      const { outputs } = await predict({ dtype: 'DT_FLOAT', tensor_shape: { dim }, float_val: values });
      assert.deepEqual(
        outputs.y.tensor_shape.dim.map(({ size }: Answer) => Number(size)),
        shape,
      );
      assert.deepEqual(
        outputs.y.float_val,
        values.map((value) => 2 + value / 2),
      );
    });
  }

  it('keeps its neighbours apart: odd and declared shapes at the same time', async () => {
    const odd = Array.from({ length: 20 }, (_, i) => curl('/v1/models/half_plus_two:predict', `{"instances":[${i}]}`));
    const declared = Array.from({ length: 20 }, (_, i) =>
      curl('/v1/models/half_plus_two:predict', `{"instances":[[${i}]]}`),
    );
    for (const [i, { json }] of (await Promise.all(odd)).entries()) assert.deepEqual(json.predictions, [2 + i / 2]);
    for (const [i, { json }] of (await Promise.all(declared)).entries()) {
      assert.deepEqual(json.predictions, [[2 + i / 2]]);
    }
  });

  it('takes the body as bytes without a Content-Type', async () => {
    const body = Buffer.from('{"instances": [1.0, 2.0, 5.0]}');
    const answer = await fetch(`${sidecar.rest}/v1/models/half_plus_two:predict`, { method: 'POST', body });
    assert.deepEqual(await answer.json(), { predictions: [2.5, 3, 4.5] });
  });
});
