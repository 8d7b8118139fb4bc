/** Inputs that differ in their rows, in a model whose requests share runs: they run alone, and the graph decides. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { it } from 'node:test';
import { INFERENCE, PREDICTION } from '../support/grpc-harness.ts';
import { type LocalApp, localApp, modelDirectory } from '../support/local-app.ts';
import { type OnnxGraph, onnxModel } from '../support/onnx-model.ts';

type Rows = readonly (readonly number[])[];

const tensor = (name: string) => ({ name, dtype: 'float32', dims: ['rows', 2] }) as const;

/** sum = a + b, of which either may have one row; copy = b. */
const GRAPH: OnnxGraph = {
  inputs: [tensor('a'), tensor('b')],
  outputs: [tensor('sum'), tensor('copy')],
  nodes: [
    { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
    { op: 'Identity', inputs: ['b'], outputs: ['copy'] },
  ],
};
const MANY: Rows = [
  [1, 2],
  [3, 4],
  [5, 6],
];
const ONE: Rows = [[10, 20]];
const SUM: Rows = MANY.map(([x, y]) => [x! + 10, y! + 20]);

const bytesOf = (rows: Rows): Buffer => Buffer.from(Float32Array.from(rows.flat()).buffer);

/** The outputs by name, however it is asked. */
const ASKED: Readonly<Record<string, (app: LocalApp, a: Rows, b: Rows) => Promise<Record<string, Rows>>>> = {
  'Predict over REST': async (app, a, b) => (await app.post('/v1/models/m:predict', { inputs: { a, b } })).body.outputs,
  'Predict over gRPC': async (app, a, b) => {
    const sent = (rows: Rows) => ({
      dtype: 'DT_FLOAT',
      tensor_shape: { dim: [{ size: rows.length }, { size: 2 }] },
      float_val: rows.flat(),
    });
    const { outputs } = await app.call(PREDICTION, 'Predict', {
      model_spec: { name: 'm' },
      inputs: { a: sent(a), b: sent(b) },
    });
    const read = ({
      tensor_shape: { dim },
      float_val,
    }: {
      tensor_shape: { dim: { size: string }[] };
      float_val: number[];
    }) =>
      rowsOf(
        float_val,
        dim.map(({ size }) => Number(size)),
      );
    return { sum: read(outputs.sum), copy: read(outputs.copy) };
  },
  'infer over REST': async (app, a, b) => {
    const sent = (name: string, rows: Rows) => ({ name, datatype: 'FP32', shape: [rows.length, 2], data: rows.flat() });
    const { body } = await app.post('/v2/models/m/infer', { inputs: [sent('a', a), sent('b', b)] });
    const outputs = body.outputs as { readonly name: string; readonly shape: number[]; readonly data: number[] }[];
    return Object.fromEntries(outputs.map(({ name, shape, data }) => [name, rowsOf(data, shape)]));
  },
  'infer over gRPC': async (app, a, b) => {
    const head = (name: string, rows: Rows) => ({ name, datatype: 'FP32', shape: [rows.length, 2] });
    const { outputs, raw_output_contents: raw } = await app.call(INFERENCE, 'ModelInfer', {
      model_name: 'm',
      inputs: [head('a', a), head('b', b)],
      raw_input_contents: [bytesOf(a), bytesOf(b)],
    });
    const heads = outputs as { readonly name: string; readonly shape: string[] }[];
    const floats = (bytes: Buffer): number[] => [...new Float32Array(new Uint8Array(bytes).buffer)];
    return Object.fromEntries(heads.map(({ name, shape }, i) => [name, rowsOf(floats(raw[i]), shape.map(Number))]));
  },
};

function rowsOf(values: readonly number[], [rows]: readonly number[]): Rows {
  return Array.from({ length: rows! }, (_, row) => values.slice(2 * row, 2 * row + 2));
}

for (const batching of ['true', 'false']) {
  it(`are answered as the graph does, whatever the API, with --enable_batching=${batching}`, async (t) => {
    const model = modelDirectory(t, { 'model.onnx': onnxModel(GRAPH) });
    const app = await localApp(t, `--model=m=${model}`, `--enable_batching=${batching}`);
    const { models } = (await (await fetch(`${app.admin}/models`)).json()) as {
      models: { versions: { signatures: { batch_axis: string }[] }[] }[];
    };
    assert.equal(models[0]!.versions[0]!.signatures[0]!.batch_axis, batching === 'true' ? 'dynamic' : 'none');
    for (const [name, ask] of Object.entries(ASKED)) {
      // Requests that share runs are under way beside them.
      const others = Array.from({ length: 20 }, (_, i) => ask(app, [[i, i]], ONE));
      assert.deepEqual(await ask(app, MANY, ONE), { sum: SUM, copy: ONE }, name);
      assert.deepEqual(await ask(app, ONE, MANY), { sum: SUM, copy: MANY }, name);
      const answers = await Promise.all(others);
      assert.deepEqual(
        answers,
        others.map((_, i) => ({ sum: [[i + 10, i + 20]], copy: ONE })),
        name,
      );
    }
    const refused = await app.post('/v1/models/m:predict', { inputs: { a: MANY, b: MANY.slice(1) } });
    assert.equal(refused.status, 400);
    if (batching === 'true') {
      const text =
        /^inputs differ in dim 0, the batch: "a" \[3,2\], "b" \[2,2\]; send the same number of rows in each\. The model refused it: .*2 by 3/;
      assert.match(refused.body.error, text);
    }
  });
}
