import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { loadOptionsOf } from '../../../../src/backends/load-options.ts';
import { scalarsOf } from '../../../../src/backends/onnx/declared-scalars.ts';
import { backend } from '../../../../src/backends/onnx/onnx-backend.ts';
import { numericTensor } from '../../../../src/core/tensor.ts';
import { type OnnxGraph, onnxModel } from '../../../support/onnx-model.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const GRAPH: OnnxGraph = {
  inputs: [
    { name: 'x', dtype: 'float32', dims: ['N', 3] },
    { name: 'scale', dtype: 'float32', dims: [] },
    { name: 'any', dtype: 'float32', dims: undefined },
  ],
  outputs: [
    { name: 'y', dtype: 'float32', dims: ['N', 3] },
    { name: 'twice', dtype: 'float32', dims: [] },
    { name: 'same', dtype: 'float32', dims: undefined },
  ],
  nodes: [
    { op: 'Mul', inputs: ['x', 'scale'], outputs: ['y'] },
    { op: 'Add', inputs: ['scale', 'scale'], outputs: ['twice'] },
    { op: 'Identity', inputs: ['any'], outputs: ['same'] },
  ],
};

it('a scalar has the shape [], a tensor of any rank has none', async (t) => {
  assert.deepEqual(scalarsOf(onnxModel(GRAPH)), new Set(['scale', 'twice']));
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'model.onnx'), onnxModel(GRAPH));
  const session = await backend.load(directory, loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu' }));
  t.after(() => session.close());
  const { inputs, outputs } = session.signatures.get('serving_default')!;
  const shapes = [...inputs.values(), ...outputs.values()].map(({ shape }) => shape);
  assert.deepEqual(shapes, [[-1, 3], [], undefined, [-1, 3], [], undefined]);
  const sent = new Map([
    ['x', numericTensor('float32', [1, 3], Float32Array.of(1, 2, 3))],
    ['scale', numericTensor('float32', [], Float32Array.of(2))],
    ['any', numericTensor('float32', [2, 1], Float32Array.of(4, 5))],
  ]);
  const answer = await session.run('serving_default', sent, ['y', 'twice', 'same'], { deadline: Infinity });
  assert.deepEqual(
    [...answer.values()].map(({ shape }) => shape),
    [[1, 3], [], [2, 1]],
  );
});
