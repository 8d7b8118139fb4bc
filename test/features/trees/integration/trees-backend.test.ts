import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backendContract } from '../../../../src/api/contract/backend-contract.ts';
import type { TestModel } from '../../../../src/api/contract/backend-under-test.ts';
import { siblingModule } from '../../../../src/backends/host/sibling-module.ts';
import { elements, type NumericTensor, numericTensor, type Tensor } from '../../../../src/core/tensor.ts';
import { stump, type XgboostTree, xgboostModel } from '../../../support/tree-models.ts';

const FILE = 'model.json';
const THRESHOLDS = Array.from({ length: 12 }, (_, i) => 100 * i);

backendContract({
  kind: 'trees',
  module: siblingModule(import.meta.url, '../../../../src/backends/trees/trees-backend').href,
  dtypes: ['float32'],
  // Its files declare no dtypes.
  refusedDTypes: [],
  axes: [{ dims: ['N', 2], axis: { kind: 'dynamic', reason: 'each row goes through the trees by itself' } }],
  inputName: 'features',
  outputNames: ['prediction'],
  answer: thresholdsPassed,
  hasByteStrings: false,
  refusesShapes: true,
  missingProvider: 'cuda',
  writeModel: (directory, model) => writeFileSync(join(directory, FILE), modelOf(model)),
  writeCorruptModel: (directory) => {
    writeFileSync(join(directory, FILE), modelOf({ dtype: 'float32', dims: ['N', 2], outputs: [] }).slice(0, 300));
    return FILE;
  },
});

/** It counts the thresholds that the first feature is not below. */
function modelOf({ dims, isHeavy = false }: TestModel): string {
  const trees = THRESHOLDS.map((threshold) => stump(0, threshold, 0, 1));
  return JSON.stringify(
    xgboostModel({ trees: isHeavy ? [...trees, zeroTree(15)] : trees, features: dims[1] as number }),
  );
}

function thresholdsPassed(x: Tensor): Tensor {
  const values = elements(x as NumericTensor) as Float32Array;
  const [rows, columns] = x.shape as [number, number];
  const counts = Float32Array.from({ length: rows }, (_, row) => {
    const value = values[row * columns]!;
    return THRESHOLDS.filter((threshold) => !(value < threshold)).length;
  });
  return numericTensor('float32', [rows], counts);
}

/** A complete tree of so many levels, all of whose leaves are 0. */
function zeroTree(levels: number): XgboostTree {
  const splits = 2 ** levels - 1;
  const ofNodes = (value: (node: number) => number) => Array.from({ length: 2 * splits + 1 }, (_, node) => value(node));
  return {
    left_children: ofNodes((node) => (node < splits ? 2 * node + 1 : -1)),
    right_children: ofNodes((node) => (node < splits ? 2 * node + 2 : -1)),
    split_indices: ofNodes(() => 0),
    split_conditions: ofNodes(() => 0),
    default_left: ofNodes(() => 0),
  };
}
