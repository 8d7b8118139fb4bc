import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { LoadSettings } from '../../../../src/backends/backend.ts';
import { loadOptionsOf } from '../../../../src/backends/load-options.ts';
import { backend } from '../../../../src/backends/onnx/onnx-backend.ts';
import type { ErrorKind, ServingError } from '../../../../src/core/errors.ts';
import { elements, type NumericTensor, type Tensor } from '../../../../src/core/tensor.ts';
import { type OnnxGraph, type OnnxValue, onnxElementType, onnxModel } from '../../../support/onnx-model.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const OPTIONS = loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu' });
const FOREVER = { deadline: Infinity };
const X: OnnxValue = { name: 'x', dtype: 'float32', dims: ['N', 2] };
const Y: OnnxValue = { ...X, name: 'y' };
const IDENTITY: OnnxGraph = {
  inputs: [X],
  outputs: [Y],
  nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
};

describe('CUDA', () => {
  const load = (t: TestContext, settings: Partial<LoadSettings>) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'model.onnx'), onnxModel(IDENTITY));
    return backend.load(directory, loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cuda', ...settings }));
  };

  it('is refused with all that this machine lacks, and what to do', async (t) => {
    const says = /model\.onnx": execution provider "cuda": CUDA cannot be used: .*; or run the model on the cpu/;
    await assertRejects(load(t, {}), 'load_failed', says);
  });

  it('has no options but its devices, and says so of those that owners know from elsewhere', async (t) => {
    const parameters = (name: string) => new Map([[name, 1]]);
    const says = /parameter "gpu_mem_limit" cannot reach ONNX Runtime: onnxruntime-node passes on the device alone/;
    await assertRejects(load(t, { parameters: parameters('gpu_mem_limit') }), 'load_failed', says);
    await assertRejects(load(t, { parameters: parameters('device_id') }), 'load_failed', /say devices in its place/);
  });

  it('has devices, and the cpu has none', async (t) => {
    const onCpu = load(t, { executionProvider: 'cpu', devices: [1] });
    await assertRejects(onCpu, 'load_failed', /devices are those of provider cuda, and this model runs on cpu/);
  });
});

describe('the file that the onnx backend opens', () => {
  it('is model.onnx, else the only one', async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'other.onnx'), onnxModel(IDENTITY));
    await (await backend.load(directory, OPTIONS)).close();
    writeFileSync(join(directory, 'another.onnx'), 'not read');
    await assertRejects(backend.load(directory, OPTIONS), 'load_failed', /several \(another\.onnx, other\.onnx\)/);
    writeFileSync(join(directory, 'model.onnx'), onnxModel(IDENTITY));
    await (await backend.load(directory, OPTIONS)).close();
  });

  it('is missed with a text that says where', async (t) => {
    const directory = tempDirectory(t);
    mkdirSync(join(directory, 'model.onnx'));
    assert.equal(await backend.probe(directory), false);
    await assertRejects(backend.load(directory, OPTIONS), 'load_failed', /holds no \*\.onnx file/);
    const missing = join(directory, 'missing');
    assert.equal(await backend.probe(missing), false);
    await assertRejects(backend.load(missing, OPTIONS), 'load_failed', /missing" cannot be read: .*ENOENT/);
  });

  it('is named when it is empty, is no model, or has an operator that ONNX Runtime lacks', async (t) => {
    const directory = tempDirectory(t);
    const unknownOp = onnxModel({ ...IDENTITY, nodes: [{ op: 'Frobnicate', inputs: ['x'], outputs: ['y'] }] });
    const cases: [Uint8Array | string, RegExp][] = [
      ['', /model\.onnx": ModelProto does not have a graph/],
      ['hello, this is no model', /model\.onnx": Protobuf parsing failed/],
      [unknownOp, /model\.onnx": .*No Op registered for Frobnicate/],
    ];
    for (const [bytes, text] of cases) {
      writeFileSync(join(directory, 'model.onnx'), bytes);
      await assertRejects(backend.load(directory, OPTIONS), 'load_failed', text);
    }
  });
});

describe('the signature of an ONNX model', () => {
  it('has names, dtypes and shapes in the order of the model', async (t) => {
    const session = await load(t, {
      inputs: [X, { name: 'ids', dtype: 'int64', dims: ['N', '', 3] }],
      outputs: [{ name: 'ids_out', dtype: 'int64', dims: ['N', '', 3] }, Y],
      nodes: [...IDENTITY.nodes, { op: 'Identity', inputs: ['ids'], outputs: ['ids_out'] }],
    });
    const signature = session.signatures.get('serving_default');
    assert.deepEqual(signature?.methodName, 'tensorflow/serving/predict');
    assert.deepEqual(
      [...signature.inputs],
      [
        ['x', { dtype: 'float32', shape: [-1, 2], tensorName: 'x', dimNames: ['N', ''], isShapeStrict: true }],
        [
          'ids',
          { dtype: 'int64', shape: [-1, -1, 3], tensorName: 'ids', dimNames: ['N', '', ''], isShapeStrict: true },
        ],
      ],
    );
    assert.deepEqual([...signature.outputs.keys()], ['ids_out', 'y']);
  });

  it('says of an input with dims that no other shape is taken, and ONNX Runtime takes none', async (t) => {
    for (const dtype of ['float32', 'int64', 'bool', 'string'] as const) {
      const [x, y] = [X, Y].map((value) => ({ ...value, dtype, dims: ['N', 2] }));
      const session = await load(t, { ...IDENTITY, inputs: [x!], outputs: [y!] });
      assert.equal(session.signatures.get('serving_default')?.inputs.get('x')?.isShapeStrict, true);
      for (const shape of [[], [2], [1, 1], [1, 3], [0, 3], [1, 2, 1]]) {
        const count = shape.reduce((a, b) => a * b, 1);
        const tensor = filled(dtype, shape, count);
        const run = session.run('serving_default', new Map([['x', tensor]]), ['y']);
        await assertRejects(run, 'invalid_request', /^(Invalid rank|Got invalid dimensions) for input: x /);
      }
    }
  });

  it('says nothing of the shapes of a scalar, nor of any rank: the graph may take them', async (t) => {
    for (const dims of [[], undefined]) {
      const session = await load(t, { ...IDENTITY, inputs: [{ ...X, dims }], outputs: [{ ...Y, dims: undefined }] });
      const spec = session.signatures.get('serving_default')?.inputs.get('x');
      assert.equal(spec?.isShapeStrict, undefined);
      const run = await session.run('serving_default', new Map([['x', filled('float32', [1, 2], 2)]]), ['y']);
      assert.deepEqual(run.get('y')?.shape, [1, 2]);
    }
  });

  it('leaves the rank open where the model does', async (t) => {
    const anyRank = { ...IDENTITY, inputs: [{ ...X, dims: undefined }], outputs: [{ ...Y, dims: undefined }] };
    const session = await load(t, anyRank);
    assert.deepEqual(session.signatures.get('serving_default')?.inputs.get('x')?.shape, undefined);
    for (const shape of [[], [4], [1, 2, 2]]) {
      const data = new Uint8Array(4 * shape.reduce((a, b) => a * b, 1));
      const y = (await session.run('serving_default', new Map([['x', { dtype: 'float32', shape, data }]]), ['y'])).get(
        'y',
      );
      assert.deepEqual(y?.shape, shape);
    }
  });

  it('leaves out an output that is no tensor, unless there is no other', async (t) => {
    const sequence: OnnxValue = { ...X, name: 'all', isSequence: true };
    const construct = { op: 'SequenceConstruct', inputs: ['x'], outputs: ['all'] };
    const session = await load(t, { ...IDENTITY, outputs: [sequence, Y], nodes: [construct, ...IDENTITY.nodes] });
    assert.deepEqual([...(session.signatures.get('serving_default')?.outputs.keys() ?? [])], ['y']);
    const only = load(t, { inputs: [X], outputs: [sequence], nodes: [construct] });
    await assertRejects(only, 'load_failed', /no output can be served: "all" is a sequence/);
  });

  it('cannot have an input that is no tensor', async (t) => {
    const at = { name: 'at', dtype: 'int64', dims: [], data: new Uint8Array(8) } as const;
    const model = load(t, {
      inputs: [{ ...X, name: 'all', isSequence: true }],
      outputs: [Y],
      nodes: [{ op: 'SequenceAt', inputs: ['all', 'at'], outputs: ['y'] }],
      initializers: [at],
    });
    await assertRejects(model, 'load_failed', /model\.onnx": input "all" is a sequence/);
  });

  it('names the tensor whose type cannot be exchanged', async (t) => {
    const cast = { op: 'Cast', inputs: ['x'], outputs: ['y'], attributes: { to: onnxElementType('bfloat16') } };
    const model = load(t, { inputs: [X], outputs: [{ ...Y, dtype: 'bfloat16' }], nodes: [cast] });
    await assertRejects(model, 'load_failed', /model\.onnx": "y" is bfloat16.*Cast to float32/);
  });
});

describe('an execution provider', () => {
  it('that the build does not know is refused with those it does', async (t) => {
    const model = load(t, IDENTITY, { ...OPTIONS, executionProvider: 'abacus' });
    await assertRejects(model, 'load_failed', /"abacus" is not known.*knows cpu, /);
  });
});

describe('a run of an ONNX model', () => {
  it('computes', async (t) => {
    const half = {
      name: 'half',
      dtype: 'float32',
      dims: [],
      data: new Uint8Array(new Float32Array([0.5]).buffer),
    } as const;
    const session = await load(t, {
      inputs: [X],
      outputs: [Y],
      nodes: [{ op: 'Mul', inputs: ['x', 'half'], outputs: ['y'] }],
      initializers: [half],
    });
    const x: Tensor = { dtype: 'float32', shape: [2, 2], data: new Uint8Array(new Float32Array([1, 2, -3, 0]).buffer) };
    const y = (await session.run('serving_default', new Map([['x', x]]), ['y'])).get('y') as NumericTensor;
    assert.deepEqual([...elements(y)], [0.5, 1, -1.5, 0]);
  });

  it('fails with the node and its reason, and the next one runs', async (t) => {
    const table = { name: 'table', dtype: 'float32', dims: [3], data: new Uint8Array(12) } as const;
    const session = await load(t, {
      inputs: [{ name: 'ids', dtype: 'int32', dims: ['N'] }],
      outputs: [{ name: 'y', dtype: 'float32', dims: ['N'] }],
      nodes: [{ op: 'Gather', inputs: ['table', 'ids'], outputs: ['y'] }],
      initializers: [table],
    });
    const run = (id: number): Promise<unknown> => {
      const ids: Tensor = { dtype: 'int32', shape: [1], data: new Uint8Array(new Int32Array([id]).buffer) };
      return session.run('serving_default', new Map([['ids', ids]]), ['y']);
    };
    await assertRejects(run(9), 'backend_failed', /Gather node.*out of data bounds, idx=9/);
    await run(2);
  });

  it('without outputs gives none', async (t) => {
    const session = await load(t, IDENTITY);
    const x: Tensor = { dtype: 'float32', shape: [0, 2], data: new Uint8Array(0) };
    assert.equal((await session.run('serving_default', new Map([['x', x]]), [])).size, 0);
  });
});

function filled(dtype: 'float32' | 'int64' | 'bool' | 'string', shape: readonly number[], count: number): Tensor {
  if (dtype === 'string') return { dtype, shape, data: Array.from({ length: count }, () => Buffer.from('a')) };
  const bytes = { float32: 4, int64: 8, bool: 1 }[dtype];
  return { dtype, shape, data: new Uint8Array(bytes * count) };
}

async function load(t: TestContext, graph: OnnxGraph, options = OPTIONS) {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'model.onnx'), onnxModel(graph));
  const session = await backend.load(directory, options);
  t.after(() => session.close());
  return {
    signatures: session.signatures,
    run: (...[signature, inputs, outputs]: [string, ReadonlyMap<string, Tensor>, readonly string[]]) =>
      session.run(signature, inputs, outputs, FOREVER),
  };
}

async function assertRejects(promise: Promise<unknown>, kind: ErrorKind, text: RegExp): Promise<void> {
  await assert.rejects(promise, (error: ServingError) => {
    assert.equal(error.kind, kind, String(error.stack));
    assert.match(error.message, text);
    return true;
  });
}
