/** A model with an optional tensor as an input, over each surface: given, and left out. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { localApp, modelDirectory } from '../support/local-app.ts';
import { onnxModel } from '../support/onnx-model.ts';

/** y = x + the tensor in `more`. */
const MODEL = onnxModel({
  inputs: [
    { name: 'x', dtype: 'float32', dims: ['N', 2] },
    { name: 'more', dtype: 'float32', dims: ['N', 2], isOptional: true },
  ],
  outputs: [{ name: 'y', dtype: 'float32', dims: ['N', 2] }],
  nodes: [
    { op: 'OptionalGetElement', inputs: ['more'], outputs: ['tensor'] },
    { op: 'Add', inputs: ['x', 'tensor'], outputs: ['y'] },
  ],
});
const PREDICT = '/v1/models/m:predict';

it('serves an optional input as one that each request sends', async (t) => {
  const app = await localApp(t, `--model=m=${modelDirectory(t, { 'model.onnx': MODEL })}`);
  const sent = { x: [[1, 2]], more: [[10, 20]] };
  assert.deepEqual((await app.post(PREDICT, { inputs: sent })).body, { outputs: [[11, 22]] });

  const inputs = Object.entries(sent).map(([name, [data]]) => ({ name, datatype: 'FP32', shape: [1, 2], data }));
  const v2 = await app.post('/v2/models/m/infer', { inputs });
  assert.deepEqual(v2.body.outputs[0].data, [11, 22]);

  const dims = { dim: [{ size: 1 }, { size: 2 }] };
  const tensors = Object.fromEntries(
    Object.entries(sent).map(([name, [data]]) => [name, { dtype: 'DT_FLOAT', tensor_shape: dims, float_val: data }]),
  );
  const predict = (given: object) =>
    app.call('tensorflow.serving.PredictionService', 'Predict', { model_spec: { name: 'm' }, inputs: given });
  assert.deepEqual((await predict(tensors)).outputs.y.float_val, [11, 22]);

  const left = await app.post(PREDICT, { inputs: { x: [[1, 2]] } });
  assert.equal(left.status, 400);
  assert.match(left.body.error, /wants the inputs "x", "more"; missing: "more"/);
  assert.match(String(await predict({ x: tensors['x'] })), /INVALID_ARGUMENT: .*missing: "more"/);

  const { body } = await app.get('/v1/models/m/metadata');
  const { more } = body.metadata.signature_def.signature_def.serving_default.inputs;
  assert.deepEqual(
    [more.dtype, more.tensor_shape.dim.map(({ size }: { size: string }) => size)],
    ['DT_FLOAT', ['-1', '2']],
  );
});
