/** The outputs that a request names are answered, and no others, where rows may also be sent by the names of columns. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it, type TestContext } from 'node:test';
import { type LocalApp, localApp, modelDirectory } from '../../../support/local-app.ts';
import { decode, encode } from '../../../support/proto-registry.ts';
import { stump, xgboostModel } from '../../../support/tree-models.ts';

/** Two outputs, in this order, of a model with the columns age and visits. */
const TWO_OUTPUTS = `signatures:
  serving_default:
    method: predict
    outputs: {scores: prediction, same: prediction}
`;
const PREDICT = '/v1/models/m:predict';

function columnedApp(t: TestContext): Promise<LocalApp> {
  const model = xgboostModel({
    trees: [stump(0, 30, -1, 1), stump(1, 2.5, 0, 2)],
    featureNames: ['age', 'visits'],
    baseScore: '0E0',
  });
  const base = modelDirectory(t, { 'model.json': JSON.stringify(model), 'pillion.yaml': TWO_OUTPUTS });
  return localApp(t, `--model=m=${base}`);
}

/** The names of the answered outputs, or the error's text. */
type Ask = (app: LocalApp, names: readonly string[]) => Promise<readonly string[] | string>;

const byGrpc: Ask = async (app, names) => {
  const features = { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: 1 }, { size: 2 }] }, float_val: [29, 2] };
  const request = { model_spec: { name: 'm' }, inputs: { features }, output_filter: names };
  const answer = await app.call('tensorflow.serving.PredictionService', 'Predict', request);
  return typeof answer === 'string' ? answer : Object.keys(answer.outputs);
};

const byProtobuf: Ask = async ({ rest }, names) => {
  const features = { dtype: 1, tensorShape: { dim: [{ size: 1n }, { size: 2n }] }, floatVal: [29, 2] };
  const body = encode('tensorflow.serving.PredictRequest', { inputs: { features }, outputFilter: names });
  const headers = { 'content-type': 'application/x-protobuf' };
  const answer = await fetch(`${rest}${PREDICT}`, { method: 'POST', body, headers });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) return bytes.toString();
  return Object.keys(decode('tensorflow.serving.PredictResponse', bytes)['outputs'] as object);
};

const byV2: Ask = async (app, names) => {
  const inputs = [{ name: 'features', datatype: 'FP32', shape: [1, 2], data: [29, 2] }];
  const { status, body } = await app.post('/v2/models/m/infer', { inputs, outputs: names.map((name) => ({ name })) });
  return status === 200 ? body.outputs.map(({ name }: { name: string }) => name) : body.error;
};

describe('named outputs of a model with columns', () => {
  for (const [surface, ask] of Object.entries({ gRPC: byGrpc, 'REST in protobuf': byProtobuf, V2: byV2 })) {
    it(`are the answer over ${surface}`, async (t) => {
      const app = await columnedApp(t);
      assert.deepEqual(await ask(app, ['same']), ['same']);
      assert.deepEqual([...(await ask(app, ['same', 'scores']))].sort(), ['same', 'scores']);
      assert.deepEqual([...(await ask(app, []))].sort(), ['same', 'scores']);
      assert.match(
        String(await ask(app, ['prediction'])),
        /names \\?"prediction\\?".*its outputs: \\?"scores\\?", \\?"same/,
      );
      assert.match(String(await ask(app, ['same', 'same'])), /"same\\?" twice; name each output once/);
    });
  }

  it('are all of them in JSON, by rows and by columns, which has no filter in TensorFlow Serving either', async (t) => {
    const app = await columnedApp(t);
    const byColumns = await app.post(PREDICT, { inputs: { age: [29], visits: [2] }, output_filter: ['same'] });
    assert.deepEqual(byColumns.body, { outputs: { scores: [-1], same: [-1] } });
    const byRows = await app.post(PREDICT, { instances: [{ age: 29, visits: 2 }], output_filter: ['same'] });
    assert.deepEqual(byRows.body, { predictions: [{ scores: -1, same: -1 }] });
  });
});
