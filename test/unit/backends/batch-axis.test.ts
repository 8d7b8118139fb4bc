import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { batchAxisCandidate } from '../../../src/backends/batch-axis.ts';
import { backend } from '../../../src/backends/onnx/onnx-backend.ts';
import type { BatchAxis } from '../../../src/core/signature.ts';
import { type OnnxDim, type OnnxGraph, type OnnxNode, onnxModel } from '../../support/onnx-model.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const AXIS_0 = {
  name: 'axis',
  dtype: 'int64',
  dims: [],
  data: new Uint8Array(8),
} as const;

describe('batchAxisCandidate', () => {
  const candidate = (inputs: OnnxDim[][], outputs: OnnxDim[][]): unknown => {
    const tensors = (all: OnnxDim[][]) => all.map((dims, i) => ({ name: `t${i}`, dtype: 'float32' as const, dims }));
    const { axis, isDeclared } = batchAxisCandidate(tensors(inputs), tensors(outputs));
    return [axis.kind === 'fixed' ? axis.size : axis.kind, isDeclared];
  };

  it('is dynamic when every dim 0 is free, and declared when all have one name', () => {
    assert.deepEqual(candidate([['N', 3], ['N']], [['N', 2]]), ['dynamic', true]);
    assert.deepEqual(candidate([['N', 3]], [['M', 2]]), ['dynamic', false]);
    assert.deepEqual(candidate([['', 3]], [['', 2]]), ['dynamic', false]);
  });

  it('is fixed when every dim 0 is the same number', () => {
    assert.deepEqual(candidate([[8, 3], [8]], [[8, 2]]), [8, true]);
    assert.deepEqual(candidate([[8, 3]], [[4, 2]]), ['none', true]);
  });

  it('is none for scalars, mixtures, empty dims, square inputs and models without inputs', () => {
    assert.deepEqual(candidate([['N', 3], []], [['N', 2]]), ['none', true]);
    assert.deepEqual(candidate([['N', 3]], [[1, 2]]), ['none', true]);
    assert.deepEqual(candidate([[0, 3]], [[0, 3]]), ['none', true]);
    assert.deepEqual(candidate([['N', 'N']], [['N']]), ['none', true]);
    assert.deepEqual(candidate([], [['N']]), ['none', true]);
  });
});

describe('the batch axis of a loaded model', () => {
  const identity: OnnxNode = { op: 'Identity', inputs: ['x'], outputs: ['y'] };
  const softmaxOverRows: OnnxNode = { op: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis: 0 } };

  it('is accepted by the probe when the names of dim 0 differ or are missing', async (t) => {
    assert.deepEqual(await axisOf(t, graph(identity, ['A', 2], ['B', 2])), { kind: 'dynamic' });
    assert.deepEqual(await axisOf(t, graph(identity, ['', 2], ['', 2])), { kind: 'dynamic' });
  });

  it('is none when rows touch each other, whatever the names say', async (t) => {
    assert.deepEqual(await axisOf(t, graph(softmaxOverRows, ['N', 2], ['N', 2])), { kind: 'none' });
    assert.deepEqual(await axisOf(t, graph(softmaxOverRows, [4, 2], [4, 2])), { kind: 'none' });
    const cumSum: OnnxNode = { op: 'CumSum', inputs: ['x', 'axis'], outputs: ['y'] };
    const running = { ...graph(cumSum, ['time', 2], ['time', 2]), initializers: [AXIS_0] };
    assert.deepEqual(await axisOf(t, running), { kind: 'none' });
  });

  it('is none when an output does not follow the inputs', async (t) => {
    const doubled: OnnxNode = { op: 'Concat', inputs: ['x', 'x'], outputs: ['y'], attributes: { axis: 0 } };
    assert.deepEqual(await axisOf(t, graph(doubled, ['A', 2], ['B', 2])), { kind: 'none' });
  });

  it('is what the names say when the probe cannot run, and none when they say nothing', async (t) => {
    // Pads nothing and asks for 5 columns of whatever is free: one column, as the probe has, cannot be reshaped to 5.
    const shape = { name: 's', dtype: 'int64', dims: [2], data: int64s(-1, 5) } as const;
    const reshape: OnnxNode = { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] };
    const declared = { ...graph(reshape, ['N', 'width'], ['N', 5]), initializers: [shape] };
    assert.deepEqual(await axisOf(t, declared), { kind: 'dynamic' });
    const undeclared = { ...graph(reshape, ['A', 'width'], ['B', 5]), initializers: [shape] };
    assert.deepEqual(await axisOf(t, undeclared), { kind: 'none' });
  });

  it('allows for the rounding of NaN, integers and half floats', async (t) => {
    const log: OnnxNode = { op: 'Log', inputs: ['x'], outputs: ['y'] };
    assert.deepEqual(await axisOf(t, graph(log, ['N', 2], ['N', 2])), { kind: 'dynamic' });
    for (const dtype of ['int64', 'uint8', 'float16', 'string', 'bool'] as const) {
      const model: OnnxGraph = {
        inputs: [{ name: 'x', dtype, dims: ['', 2] }],
        outputs: [{ name: 'y', dtype, dims: ['', 2] }],
        nodes: [identity],
      };
      assert.deepEqual(await axisOf(t, model), { kind: 'dynamic' }, dtype);
    }
  });
});

function graph(node: OnnxNode, inputDims: OnnxDim[], outputDims: OnnxDim[]): OnnxGraph {
  return {
    inputs: [{ name: 'x', dtype: 'float32', dims: inputDims }],
    outputs: [{ name: 'y', dtype: 'float32', dims: outputDims }],
    nodes: [node],
  };
}

async function axisOf(t: TestContext, model: OnnxGraph): Promise<BatchAxis | undefined> {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'model.onnx'), onnxModel(model));
  const session = await backend.load(directory, { intraOpThreads: 1, executionProvider: 'cpu' });
  await session.close();
  return session.signatures.get('serving_default')?.batchAxis;
}

function int64s(...values: number[]): Uint8Array {
  return new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer);
}
