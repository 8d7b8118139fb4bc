/**
 * What clients are told of a model, and how its answers are shaped, is the same whatever has been found out about sharing
 * runs: proved, not proved, disproved, not yet decided, or off.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it, type TestContext } from 'node:test';
import { fakeModelFlag } from '../support/fake-model.ts';
import { INFERENCE } from '../support/grpc-harness.ts';
import { type LocalApp, localApp, modelDirectory } from '../support/local-app.ts';
import { graphModel, node } from '../support/onnx-graph.ts';
import { plusConfig, plusModel, TritonRepository } from '../support/triton-repository.ts';

const TENSOR = { type: 'float', dims: ['N', 4] } as const;
const X = [
  [1, 2, 3, 4],
  [8, 7, 6, 5],
  [1, 9, 2, 8],
];
const LENGTH = 'inference-header-content-length';

const graph = (...nodes: ReturnType<typeof node>[]): Uint8Array =>
  graphModel({ inputs: { x: TENSOR }, outputs: { y: TENSOR }, nodes });

const IDENTITY = graph(node('Identity', 'x', 'y'));
/** Nobody can tell from the graph what an ellipsis stands for: y = x². */
const UNDECIDED = graph(node('Einsum', 'x x', 'y', { equation: '...i,...i->...i' }));
/** Rows take part in each other's: y = x minus the mean of all. */
const MIXED = graph(node('ReduceMean', 'x', 'mean', { axes: [0, 1], keepdims: 1 }), node('Sub', 'x mean', 'y'));

/** Models, and the verdicts that a server comes to by the time that it is ready. */
const VERDICTS: Readonly<Record<string, RegExp>> = {
  proved: /^dynamic: proved/,
  unproved: /^none: the graph does not prove it/,
  mixed: /^none: .*ReduceMean/,
  slow: /^none: the proof still runs/,
  owners: /^none: off, declared/,
};

function models(t: TestContext): readonly string[] {
  const onnx = (name: string, model: Uint8Array, yaml = ''): string =>
    `--model=${name}=${modelDirectory(t, { 'model.onnx': model, 'pillion.yaml': yaml })}`;
  const owners = onnx('owners', IDENTITY, 'batching: off\n');
  return [onnx('proved', IDENTITY), onnx('unproved', UNDECIDED), onnx('mixed', MIXED), owners, slow(t)];
}

/** Its proof takes some seconds. */
function slow(t: TestContext): string {
  const serving_default = {
    inputs: { x: { dtype: 'float32', shape: [-1, 4] } },
    outputs: { y: { copyOf: 'x' } },
    batchAxis: { kind: 'dynamic' },
  } as const;
  return fakeModelFlag(t, 'slow', '', 'fake-backend', { runMs: 60, signatures: { serving_default } });
}

async function verdictOf({ admin }: LocalApp, model: string): Promise<string> {
  const { models } = (await (await fetch(`${admin}/models`)).json()) as {
    models: { name: string; versions: { signatures: { batch_axis: string; reason: string }[] }[] }[];
  };
  const { batch_axis, reason } = models.find(({ name }) => name === model)!.versions[0]!.signatures[0]!;
  return `${batch_axis}: ${reason}`;
}

const request = (extra: object) => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [3, 4], data: X.flat() }],
  outputs: [{ name: 'y', parameters: { classification: 2, ...extra } }],
});

/** "0.5:3" → 3. */
const classOf = (text: string): number => Number(text.split(':')[1]);

/** Strings, each behind its length. */
function textsOf(bytes: Buffer): readonly string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    texts.push(bytes.toString('utf8', at + 4, end));
    at = end;
  }
  return texts;
}

/** What a client sees. */
async function seenBy(app: LocalApp, model: string): Promise<object> {
  const path = `/v2/models/${model}`;
  const json = (await app.post(`${path}/infer`, request({}))).body.outputs[0];
  const binary = await fetch(`${app.rest}${path}/infer`, {
    method: 'POST',
    body: JSON.stringify(request({ binary_data: true })),
  });
  const bytes = Buffer.from(await binary.arrayBuffer());
  const head = Number(binary.headers.get(LENGTH));
  const sent = [{ name: 'x', datatype: 'FP32', shape: [3, 4] }];
  const grpc = await app.call(INFERENCE, 'ModelInfer', {
    model_name: model,
    inputs: sent,
    raw_input_contents: [Buffer.from(Float32Array.from(X.flat()).buffer)],
    outputs: [{ name: 'y', parameters: { classification: { int64_param: 2 } } }],
  });
  const raw = await fetch(`${app.rest}${path}/infer`, {
    method: 'POST',
    body: Buffer.from(Float32Array.from(X[0]!).buffer),
    headers: { [LENGTH]: '0' },
  });
  const rawHead = JSON.parse((await raw.text()).match(/^\{.*?\}\]\}/)![0]) as { outputs: { shape: number[] }[] };
  const { max_batch_size, input, dynamic_batching } = (await app.get(`${path}/config`)).body;
  const { config } = await app.call(INFERENCE, 'ModelConfig', { name: model });
  return {
    json: [json.shape, json.data.map(classOf)],
    binary: [JSON.parse(bytes.toString('utf8', 0, head)).outputs[0].shape, textsOf(bytes.subarray(head)).map(classOf)],
    grpc: [grpc.outputs[0].shape.map(Number), textsOf(grpc.raw_output_contents[0]).map(classOf)],
    raw: rawHead.outputs[0]!.shape,
    config: [max_batch_size, input[0].dims, dynamic_batching !== undefined],
    grpcConfig: [config.max_batch_size, config.input[0].dims.map(Number), config.dynamic_batching !== null],
  };
}

const ROWS = [
  [3, 2],
  [3, 2, 0, 1, 1, 3],
];
const BY_ROW = {
  json: ROWS,
  binary: ROWS,
  grpc: ROWS,
  raw: [1, 4],
  config: [64, [4], true],
  grpcConfig: [64, [4], true],
};

describe('clients see the same of a model', () => {
  it('whatever is known of its rows', async (t) => {
    const app = await localApp(t, ...models(t));
    for (const [name, verdict] of Object.entries(VERDICTS)) {
      assert.match(await verdictOf(app, name), verdict);
      assert.deepEqual(await seenBy(app, name), BY_ROW, name);
    }
  });

  it('with batching off', async (t) => {
    const app = await localApp(t, ...models(t), '--enable_batching=false');
    for (const name of Object.keys(VERDICTS)) {
      assert.match(await verdictOf(app, name), /^none/);
      assert.deepEqual(await seenBy(app, name), BY_ROW, name);
    }
  });

  it('whose default stands for each row of a request', async (t) => {
    const nodes = [node('Identity', 'x', 'y'), node('Identity', 'z', 'copy')];
    const model = graphModel({ inputs: { x: TENSOR, z: TENSOR }, outputs: { y: TENSOR, copy: TENSOR }, nodes });
    const yaml = 'signatures: {serving_default: {method: predict, defaults: {x: [1, 2, 3, 4]}}}\n';
    const base = modelDirectory(t, { 'model.onnx': model, 'pillion.yaml': yaml });
    for (const batching of ['true', 'false']) {
      const app = await localApp(t, `--model=m=${base}`, `--enable_batching=${batching}`);
      const { body } = await app.post('/v1/models/m:predict', { instances: X.map((z) => ({ z })) });
      assert.deepEqual(body, { predictions: X.map((z) => ({ y: [1, 2, 3, 4], copy: z })) }, `batching ${batching}`);
    }
  });

  for (const batching of ['true', 'false']) {
    it(`that has a config.pbtxt, as that says, with --enable_batching=${batching}`, async (t) => {
      const files = new TritonRepository(t);
      for (const [name, size, dims] of [
        ['rows', 8, '4'],
        ['whole', 0, '-1, 4'],
      ] as const) {
        files.write(name, 'config.pbtxt', plusConfig(name, `max_batch_size: ${size}`, dims));
        files.publish(name, 1, plusModel(0, ['N', 4]));
      }
      const app = await localApp(t, `--model-repository=${files.directory}`, `--enable_batching=${batching}`);
      const rows = (await seenBy(app, 'rows')) as typeof BY_ROW;
      assert.deepEqual([rows.json, rows.grpc, rows.raw, rows.config[0]], [ROWS, ROWS, [1, 4], 8]);
      const whole = (await seenBy(app, 'whole')) as typeof BY_ROW;
      const best = [[2], [9, 4]];
      assert.deepEqual([whole.json, whole.grpc, whole.raw, whole.config[0]], [best, best, [1, 4], 0]);
    });
  }
});
