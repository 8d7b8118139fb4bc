import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { loadOptionsOf } from '../../../../src/backends/load-options.ts';
import { backend } from '../../../../src/backends/onnx/onnx-backend.ts';
import { withValues } from '../../../../src/backends/onnx/optional-inputs.ts';
import type { DType } from '../../../../src/core/dtype.ts';
import {
  elements,
  type NumericTensor,
  numericTensor,
  type Tensor,
  type TensorMap,
} from '../../../../src/core/tensor.ts';
import { onnxModel } from '../../../support/onnx-model.ts';
import { signature, spec } from '../../../support/puppet-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

/** y = x + bias, and the graph has a value for bias. */
const MODEL = onnxModel({
  inputs: [
    { name: 'x', dtype: 'float32', dims: ['N', 2] },
    { name: 'bias', dtype: 'float32', dims: [1, 2] },
  ],
  outputs: [{ name: 'y', dtype: 'float32', dims: ['N', 2] }],
  nodes: [{ op: 'Add', inputs: ['x', 'bias'], outputs: ['y'] }],
  initializers: [{ name: 'bias', dtype: 'float32', dims: [1, 2], data: bytes(5, 7) }],
});

function bytes(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** y is a row of the table for each id. Of its file alone: rows of ids are apart. */
const LOOKUP = onnxModel({
  inputs: [
    { name: 'ids', dtype: 'int64', dims: ['N'] },
    { name: 'table', dtype: 'float32', dims: ['V', 2] },
  ],
  outputs: [{ name: 'y', dtype: 'float32', dims: ['N', 2] }],
  nodes: [{ op: 'Gather', inputs: ['table', 'ids'], outputs: ['y'] }],
  initializers: [{ name: 'table', dtype: 'float32', dims: [1, 2], data: bytes(5, 7) }],
});

/** y = x * scale + bias, and `model.data` has the values of both. */
function modelOfFiles(location = 'model.data', isRest = false): Uint8Array {
  const part = (name: string, offset: number) => ({
    name,
    dtype: 'float32' as const,
    dims: [1, 2],
    data: bytes(0, 0),
    external: { location, offset, isRest: isRest && name === 'bias' },
  });
  return onnxModel({
    inputs: [
      { name: 'x', dtype: 'float32', dims: ['N', 2] },
      { name: 'bias', dtype: 'float32', dims: [1, 2] },
    ],
    outputs: [{ name: 'y', dtype: 'float32', dims: ['N', 2] }],
    nodes: [
      { op: 'Mul', inputs: ['x', 'scale'], outputs: ['scaled'] },
      { op: 'Add', inputs: ['scaled', 'bias'], outputs: ['y'] },
    ],
    initializers: [part('scale', 0), part('bias', 8)],
  });
}

async function load(t: TestContext, names: string, model: Uint8Array = MODEL, data?: Uint8Array) {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'model.onnx'), model);
  if (data !== undefined) writeFileSync(join(directory, 'model.data'), data);
  const parameters = new Map([['optional_inputs', names]]);
  const session = await backend.load(
    directory,
    loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu', parameters }),
  );
  t.after(() => session.close());
  const loaded = session.signatures.get('serving_default')!;
  const ask = async (inputs: TensorMap): Promise<readonly number[]> => {
    const outputs = await session.run('serving_default', inputs, ['y'], { deadline: Infinity });
    return [...(elements(outputs.get('y') as NumericTensor) as Float32Array)];
  };
  return { signature: loaded, ask };
}

it('an input that the graph has a value for may be sent, and has the value as its default', async (t) => {
  const { signature, ask } = await load(t, 'bias');
  assert.deepEqual([...signature.inputs.keys()].sort(), ['bias', 'x']);
  const bias = signature.defaults!.get('bias') as NumericTensor;
  assert.deepEqual(
    [bias.shape, [...(elements(bias) as Float32Array)]],
    [
      [1, 2],
      [5, 7],
    ],
  );
  const x = numericTensor('float32', [1, 2], Float32Array.of(1, 2));
  assert.deepEqual(
    await ask(
      new Map([
        ['x', x],
        ['bias', bias],
      ]),
    ),
    [6, 9],
  );
  const sent = numericTensor('float32', [1, 2], Float32Array.of(100, 200));
  assert.deepEqual(
    await ask(
      new Map([
        ['x', x],
        ['bias', sent],
      ]),
    ),
    [101, 202],
  );
});

describe('a model whose weights are in a file beside it', () => {
  const x = numericTensor('float32', [1, 2], Float32Array.of(1, 2));

  it('is opened with them, and has the value in that file as the default', async (t) => {
    const { signature, ask } = await load(t, 'bias', modelOfFiles(), bytes(10, 100, 5, 7));
    const bias = signature.defaults!.get('bias') as NumericTensor;
    assert.deepEqual([...(elements(bias) as Float32Array)], [5, 7]);
    const own = numericTensor('float32', [1, 2], Float32Array.of(1, 1));
    assert.deepEqual(
      await ask(
        new Map([
          ['x', x],
          ['bias', own],
        ]),
      ),
      [11, 201],
    );
  });

  it('has the rest of that file where no length is given', async (t) => {
    const { signature } = await load(t, 'bias', modelOfFiles('model.data', true), bytes(10, 100, 5, 7));
    assert.deepEqual([...(elements(signature.defaults!.get('bias') as NumericTensor) as Float32Array)], [5, 7]);
  });

  it('does not load without it, or if it is too short, or elsewhere', async (t) => {
    const fails = /optional input "bias" cannot be read from .*; put that file beside the model/;
    await assert.rejects(load(t, 'bias', modelOfFiles()), fails);
    await assert.rejects(load(t, 'bias', modelOfFiles(), bytes(10, 100, 5)), fails);
    await assert.rejects(load(t, 'bias', modelOfFiles('../../../../etc/passwd')), fails);
  });
});

it('other names change nothing', async (t) => {
  const { signature } = await load(t, 'x');
  assert.deepEqual([...signature.inputs.keys()], ['x']);
  assert.equal(signature.defaults, undefined);
});

it('requests share no runs, whatever the graph in the file proves: one table would be under the ids of another', async (t) => {
  const { batchAxis, hasRows } = (await load(t, 'table', LOOKUP)).signature;
  assert.deepEqual([batchAxis.kind, typeof batchAxis.reason, hasRows], ['none', 'string', true]);
  assert.equal((await load(t, '', LOOKUP)).signature.batchAxis.kind, 'dynamic');
});

describe('the values', () => {
  const read = (dtype: DType, ...fields: readonly (readonly number[])[]): Tensor =>
    withValues(signature({ k: spec(dtype, [-1]) }, {}), new Map([['k', Uint8Array.from(fields.flat())]])).defaults!.get(
      'k',
    )!;
  /** Of dims [2]. */
  const DIMS = [0x08, 2] as const;
  const MINUS_ONE = [...new Array(9).fill(0xff), 1];

  it('may be integers that are no raw bytes, as helpers of ONNX write them', () => {
    const int64 = read('int64', DIMS, [0x3a, 11, 5, ...MINUS_ONE]) as NumericTensor;
    assert.deepEqual([...(elements(int64) as BigInt64Array)], [5n, -1n]);
    const int8 = read('int8', DIMS, [0x2a, 11, 5, ...MINUS_ONE]) as NumericTensor;
    assert.deepEqual([...(elements(int8) as Int8Array)], [5, -1]);
    assert.deepEqual(read('bool', DIMS, [0x2a, 2, 1, 0]).data, Uint8Array.of(1, 0));
    assert.deepEqual(read('uint32', DIMS, [0x5a, 2, 1, 7]).data, Uint8Array.of(1, 0, 0, 0, 7, 0, 0, 0));
    assert.deepEqual(read('float16', DIMS, [0x2a, 3, 0x80, 0x78, 0]).data, Uint8Array.of(0, 0x3c, 0, 0));
    assert.deepEqual(read('int32', [0x08, 0]).data, new Uint8Array(0));
  });

  it('are as many as their shape says', () => {
    assert.throws(() => read('int64', DIMS, [0x3a, 1, 5]), /"k" is not int64 \[2\]; save the model anew/);
  });
});
