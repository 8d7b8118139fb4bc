import assert from 'node:assert/strict';
import { it } from 'node:test';
import { labelsOf, withFreeLabels } from '../../../../src/backends/onnx/classifier-labels.ts';
import { type OnnxGraph, onnxModel } from '../../../support/onnx-model.ts';

/** As onnxmltools exports LightGBM's classifiers: one label, whatever the number of rows. */
const GRAPH: OnnxGraph = {
  inputs: [{ name: 'x', dtype: 'float32', dims: ['', 2] }],
  outputs: [
    { name: 'label', dtype: 'int64', dims: [1] },
    { name: 'first', dtype: 'float32', dims: [1] },
  ],
  nodes: [
    {
      op: 'SVMClassifier',
      domain: 'ai.onnx.ml',
      inputs: ['x'],
      outputs: ['l', 's'],
      attributes: { classlabels_ints: [3, 4] },
    },
    { op: 'Identity', inputs: ['l'], outputs: ['l2'] },
    { op: 'Cast', inputs: ['l2'], outputs: ['label'], attributes: { to: 7 } },
    { op: 'ReduceMax', inputs: ['s'], outputs: ['first'], attributes: { keepdims: 0 } },
  ],
};

it('an output is labels if it comes from a classifier as it is', () => {
  assert.deepEqual(labelsOf(onnxModel(GRAPH)), new Set(['label']));
  const [classifier, ...behind] = GRAPH.nodes;
  const foreign = { ...GRAPH, nodes: [{ ...classifier!, domain: undefined }, ...behind] };
  assert.deepEqual(labelsOf(onnxModel(foreign)), new Set());
});

it('labels declared as one are as many as the rows; other outputs keep their dims', () => {
  const dims = (of: readonly (number | string)[]) =>
    withFreeLabels([{ name: 'label', dtype: 'int64', dims: of }], new Set(['label']))[0]!.dims;
  assert.deepEqual([dims([1]), dims([2]), dims([1, 1]), dims(['N'])], [[''], [2], [1, 1], ['N']]);
  const other = [{ name: 'y', dtype: 'int64', dims: [1] }] as const;
  assert.deepEqual(withFreeLabels(other, new Set(['label'])), other);
});
