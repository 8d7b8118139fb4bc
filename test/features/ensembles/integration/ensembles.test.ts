/** Ensembles in a sidecar of its own: the same answers as its steps called by hand, over REST and gRPC. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { newKey } from '../../../../src/cli/key.ts';
import { writeAccessFile } from '../../../support/access-file.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { type OnnxNode, onnxModel } from '../../../support/onnx-model.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';

const CALLERS = 24;
const WIDTH = 4;

interface Answer {
  readonly status: number;
  readonly outputs?: unknown;
  readonly predictions?: unknown;
  readonly error?: string;
}

interface Metadata {
  readonly metadata: {
    readonly signature_def: {
      readonly signature_def: {
        readonly serving_default: {
          readonly inputs: { readonly x: { readonly tensor_shape: { readonly dim: readonly { size: string }[] } } };
          readonly outputs: object;
        };
      };
    };
  };
}

function initializer(name: string, value: number) {
  return { name, dtype: 'float32', dims: [1], data: new Uint8Array(Float32Array.of(value).buffer) } as const;
}

/** x [batch,4] → y [batch,4], by one operator and a constant. */
function writeModel(directory: string, op: string, constant: number, version = 1, output = 'y'): void {
  const place = join(directory, String(version));
  mkdirSync(place, { recursive: true });
  const dims = ['batch', WIDTH];
  const model = onnxModel({
    inputs: [{ name: 'x', dtype: 'float32', dims }],
    outputs: [{ name: output, dtype: 'float32', dims }],
    nodes: [{ op, inputs: ['x', 'c'], outputs: [output] } satisfies OnnxNode],
    initializers: [initializer('c', constant)],
  });
  writeFileSync(join(place, 'model.onnx'), model);
}

/** a, b [batch,4] → s [batch,4] = a · b, r [batch] = the mean of a − b. */
function writeJoin(directory: string): void {
  mkdirSync(join(directory, '1'), { recursive: true });
  const dims = ['batch', WIDTH];
  const model = onnxModel({
    inputs: ['a', 'b'].map((name) => ({ name, dtype: 'float32' as const, dims })),
    outputs: [
      { name: 's', dtype: 'float32', dims },
      { name: 'r', dtype: 'float32', dims: ['batch'] },
    ],
    nodes: [
      { op: 'Mul', inputs: ['a', 'b'], outputs: ['s'] },
      { op: 'Sub', inputs: ['a', 'b'], outputs: ['d'] },
      { op: 'ReduceMean', inputs: ['d'], outputs: ['r'], attributes: { axes: [1], keepdims: 0 } },
    ],
  });
  writeFileSync(join(directory, '1', 'model.onnx'), model);
}

function writeYaml(directory: string, yaml: string, version = 1): void {
  mkdirSync(join(directory, String(version)), { recursive: true });
  writeFileSync(join(directory, String(version), 'pillion.yaml'), yaml);
}

const ALL = `ensemble:
  inputs: [x]
  outputs: [product, mean]
  steps:
    - model: join
      inputs: {a: scaled, b: shifted}
      outputs: {s: product, r: mean}
    - model: scale
      inputs: {x: x}
      outputs: {y: scaled}
    - model: shift
      inputs: {x: x}
      outputs: {y: shifted}
signatures:
  only_mean:
    method: predict
    outputs: {m: mean}
`;

describe('ensembles', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  const at = (name: string): string => join(directory, name);
  let sidecar: Sidecar;

  before(async () => {
    writeModel(at('scale'), 'Mul', 3);
    writeModel(at('shift'), 'Add', 0.5);
    writeJoin(at('join'));
    writeYaml(at('all'), ALL);
    writeYaml(
      at('outer'),
      'ensemble: {steps: [{model: all, inputs: {x: x}, outputs: {product: p}}, {model: shift, inputs: {x: p}, outputs: {y: y}}]}\n',
    );
    // The ensembles are listed first: they wait for their members.
    const models = ['outer', 'all', 'join', 'scale', 'shift'].map((name) => `--model=${name}=${at(name)}`);
    sidecar = await startSidecar([...models, '--file_system_poll_wait_seconds=1', '--max_batch_size=16']);
  });
  after(async () => {
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
    rmSync(directory, { recursive: true, force: true });
  });

  async function post(model: string, body: object): Promise<Answer> {
    const answer = await fetch(`${sidecar.rest}/v1/models/${model}:predict`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    return { status: answer.status, ...((await answer.json()) as object) } as Answer;
  }

  async function predict(model: string, inputs: object, more: object = {}): Promise<unknown> {
    const { outputs, error } = await post(model, { ...more, inputs });
    assert.equal(error, undefined);
    return outputs;
  }

  const rows = (caller: number): number[][] =>
    Array.from({ length: 1 + (caller % 3) }, (_, row) =>
      Array.from({ length: WIDTH }, (_, i) => caller + row / 2 + i / 8),
    );

  it('gives what its three steps give by hand, to 24 callers at a time', async () => {
    const callers = Array.from({ length: CALLERS }, (_, i) => i);
    const byHand = await Promise.all(
      callers.map(async (caller) => {
        const [a, b] = await Promise.all([predict('scale', rows(caller)), predict('shift', rows(caller))]);
        return predict('join', { a, b });
      }),
    );
    const together = await Promise.all(callers.map((caller) => predict('all', rows(caller))));
    assert.deepEqual(
      together,
      (byHand as { s: unknown; r: unknown }[]).map(({ s, r }) => ({ product: s, mean: r })),
    );
  });

  it('has a derived signature, views, and rows', async () => {
    const { metadata } = (await (await fetch(`${sidecar.rest}/v1/models/all/metadata`)).json()) as Metadata;
    const { inputs, outputs } = metadata.signature_def.signature_def.serving_default;
    assert.deepEqual(
      inputs.x.tensor_shape.dim.map(({ size }) => size),
      ['-1', '4'],
    );
    assert.deepEqual(Object.keys(outputs).sort(), ['mean', 'product']);
    const { predictions } = await post('all', { instances: [[1, 1, 1, 1]] });
    assert.deepEqual(predictions, [{ product: [4.5, 4.5, 4.5, 4.5], mean: 1.5 }]);
    assert.deepEqual(await predict('all', [[1, 1, 1, 1]], { signature_name: 'only_mean' }), [1.5]);
  });

  it('may be a step itself', async () => {
    assert.deepEqual(await predict('outer', [[1, 1, 1, 1]]), [[5, 5, 5, 5]]);
  });

  it('what a step refuses is told with the step', async () => {
    const { status, error } = await post('all', { inputs: [[1, 2, 3]] });
    assert.equal(status, 400);
    assert.match(error!, /input "x" has shape \[1,3\].*step \d, model "(scale|shift)"/);
  });

  it('goes on when a member is replaced', async () => {
    writeModel(at('staged'), 'Mul', 5);
    renameSync(join(at('staged'), '1'), join(at('scale'), '2'));
    await sidecar.line(({ model, version, state }) => model === 'scale' && version === '2' && state === 'AVAILABLE');
    assert.deepEqual(await predict('all', [[1, 1, 1, 1]]), { product: [[7.5, 7.5, 7.5, 7.5]], mean: [3.5] });
  });

  it('says why it cannot answer when a member does not fit any more', async () => {
    writeModel(at('other'), 'Mul', 5, 1, 'z');
    renameSync(join(at('other'), '1'), join(at('scale'), '3'));
    await sidecar.line(({ model, version, state }) => model === 'scale' && version === '3' && state === 'AVAILABLE');
    const { error } = await post('all', { inputs: [[1, 1, 1, 1]] });
    assert.match(error!, /step 2, model "scale": version 3 does not fit the ensemble: it has no output "y"/);
    rmSync(join(at('scale'), '3'), { recursive: true });
    await sidecar.line(({ model, version, state }) => model === 'scale' && version === '3' && state === 'END');
    assert.equal((await post('all', { inputs: [[1, 1, 1, 1]] })).status, 200);
  });

  it('a version that is wrong is not loaded, and says everything that is wrong', async () => {
    writeYaml(at('all'), ALL.replace('{s: product,', '{t: product,').replace('model: shift', 'model: shfit'), 2);
    const { err } = await sidecar.line(
      ({ model, version, msg }) => model === 'all' && version === '2' && String(msg).includes('failed to load'),
    );
    const { message } = err as { message: string };
    assert.match(message, /2 problems/);
    assert.match(message, /pillion.yaml:\d+:\d+: there is no model "shfit"/);
    assert.match(message, /pillion.yaml:\d+:\d+: model "join" has no output "t"/);
    assert.equal((await post('all', { inputs: [[1, 1, 1, 1]] })).status, 200);
  });
});

describe('the runs that one request may take', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  const at = (name: string): string => join(directory, name);
  after(() => {
    killSidecars();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Steps of one model, one behind the other: x → y. */
  function writeChain(name: string, member: string, length: number, version = 1): void {
    const tensor = (i: number): string => (i === 0 ? 'x' : i === length ? 'y' : `t${i}`);
    const steps = Array.from({ length }, (_, i) => {
      return `{model: ${member}, inputs: {x: ${tensor(i)}}, outputs: {y: ${tensor(i + 1)}}}`;
    });
    writeYaml(at(name), `ensemble: {steps: [${steps.join(', ')}]}\n`, version);
  }

  it('are counted over ensembles in one another: at the load, and when a member has become larger', async () => {
    writeModel(at('add'), 'Add', 1);
    writeChain('four', 'add', 4);
    writeChain('twenty', 'four', 5);
    writeChain('forty', 'twenty', 2);
    // The start waits for none of them: they wait for one that has failed.
    writeChain('more', 'forty', 1);
    writeChain('most', 'more', 1);
    const models = ['add', 'four', 'twenty', 'forty', 'more', 'most'].map((name) => `--model=${name}=${at(name)}`);
    const sidecar = await startSidecar([...models, '--max_ensemble_runs=20', '--file_system_poll_wait_seconds=1']);
    const ask = async (model: string): Promise<Answer> => {
      const body = JSON.stringify({ inputs: [[0, 0, 0, 0]] });
      const answer = await fetch(`${sidecar.rest}/v1/models/${model}:predict`, { method: 'POST', body });
      return { status: answer.status, ...((await answer.json()) as object) } as Answer;
    };
    assert.deepEqual(await ask('twenty'), { status: 200, outputs: [[20, 20, 20, 20]] });
    const { err } = await sidecar.line(({ model, msg }) => model === 'forty' && String(msg).includes('failed to load'));
    const { message } = err as { message: string };
    assert.match(
      message,
      /one request would take 40 runs of models, .* and --max_ensemble_runs allows 20; leave steps out/,
    );
    assert.equal((await ask('forty')).status, 404);

    writeChain('staged', 'add', 5);
    renameSync(join(at('staged'), '1'), join(at('four'), '2'));
    await sidecar.line(({ model, version, state }) => model === 'four' && version === '2' && state === 'AVAILABLE');
    assert.deepEqual(await ask('four'), { status: 200, outputs: [[5, 5, 5, 5]] });
    const { status, error } = await ask('twenty');
    assert.equal(status, 400);
    assert.match(error!, /takes more than the 20 runs of models that --max_ensemble_runs allows/);
    assert.equal(await sidecar.stop(), 0);
  });
});

describe('who may ask an ensemble', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  const at = (name: string): string => join(directory, name);
  after(() => {
    killSidecars();
    rmSync(directory, { recursive: true, force: true });
  });

  it('needs no permission for its members, and has none by it', { skip: !hasFeature('authorization') }, async () => {
    writeModel(at('scale'), 'Mul', 3);
    writeYaml(at('one'), 'ensemble: {steps: [{model: scale, inputs: {x: x}, outputs: {y: y}}]}\n');
    const key = newKey();
    const file = writeAccessFile(directory, [
      { name: 'app', keys: [key.hash], may: [{ models: ['one'], methods: ['predict'] }] },
    ]);
    const models = ['one', 'scale'].map((name) => `--model=${name}=${at(name)}`);
    const sidecar = await startSidecar([...models, `--authorization_file=${file}`]);
    const ask = async (model: string): Promise<number> => {
      const answer = await fetch(`${sidecar.rest}/v1/models/${model}:predict`, {
        method: 'POST',
        headers: { 'x-api-key': key.key },
        body: JSON.stringify({ inputs: [[1, 2, 3, 4]] }),
      });
      await answer.arrayBuffer();
      return answer.status;
    };
    assert.deepEqual([await ask('one'), await ask('scale')], [200, 403]);
    assert.equal(await sidecar.stop(), 0);
  });
});
