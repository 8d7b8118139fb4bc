/** Attention as one op, and turning by places. */
import { testCases } from '../../../../support/judge-cases.ts';
import { floats, int64s, node } from '../../../../support/onnx-graph.ts';

const MS = 'com.microsoft';
const QUERIES = { inputs: { x: ['N', 2, 'T', 4], k: ['N', 2, 'U', 4], v: ['N', 2, 'U', 4] } };
const TABLES = { c: floats(Array(20).fill(1), [10, 2]), s: floats(Array(20).fill(0), [10, 2]) };

testCases('rows', {
  'attention of ai.onnx with a mask for all': [
    {
      ...QUERIES,
      nodes: [node('Attention', 'x k v m', 'y')],
      constants: { m: floats([0, 0, 0, 0], [2, 2]) },
      opset: 23,
    },
  ],
  'attention with a mask of each row': [
    {
      inputs: { ...QUERIES.inputs, m: ['N', 1, 'T', 'U'] },
      nodes: [node('Attention', 'x k v m', 'y')],
      opset: 23,
    },
  ],
  'attention of many heads with a past': [
    {
      inputs: { x: ['N', 'T', 8], k: ['N', 'U', 8], v: ['N', 'U', 8], p: ['N', 2, 'P', 4], q: ['N', 2, 'P', 4] },
      nodes: [node('MultiHeadAttention', 'x k v - - - p q', 'y n o', { num_heads: 2 }, MS)],
      outputs: ['y', 'n', 'o'],
    },
  ],
  'turned by a place for each token of each row': [
    {
      inputs: { x: ['N', 2, 'T', 4] },
      ints: { p: ['N', 'T'] },
      nodes: [node('RotaryEmbedding', 'x c s p', 'y')],
      constants: TABLES,
      opset: 23,
    },
  ],
  'turned from one place on': [
    {
      inputs: { x: ['N', 2, 'T', 4] },
      nodes: [node('RotaryEmbedding', 'x p c s', 'y', {}, MS)],
      constants: { ...TABLES, p: int64s([0]) },
    },
  ],
  'words, segments and places as one op': [
    {
      ints: { x: ['N', 'T'], z: ['N', 'T'] },
      nodes: [node('EmbedLayerNormalization', 'x z w w w g g', 'y m', {}, MS)],
      constants: { w: floats(Array(40).fill(1), [10, 4]), g: floats([1, 1, 1, 1]) },
      outputs: ['y', 'm'],
    },
  ],
});

testCases('mixed', {
  'a mask that falls on other axes': [
    {
      inputs: { ...QUERIES.inputs, m: ['N', 'T'] },
      nodes: [node('Attention', 'x k v m', 'y')],
      opset: 23,
    },
    /mask is broadcast/,
  ],
  'a past that is not of the rows': [
    {
      inputs: { x: ['N', 'T', 8] },
      nodes: [node('MultiHeadAttention', 'x x x - - - p p', 'y', { num_heads: 2 }, MS)],
      constants: { p: floats(Array(8).fill(1), [1, 2, 1, 4]) },
    },
    /past/,
  ],
  'turned with the rows for heads': [
    {
      inputs: { x: [1, 'N', 3, 4] },
      axes: { x: 1, y: 1 },
      nodes: [node('RotaryEmbedding', 'x p c s', 'y', {}, MS)],
      constants: { ...TABLES, p: int64s([0]) },
    },
    /axis 1/,
  ],
});

testCases('undecided', {
  'a mask for a fixed number of rows': [
    {
      ...QUERIES,
      nodes: [node('Attention', 'x k v m', 'y')],
      constants: { m: floats(Array(12).fill(0), [3, 1, 2, 2]) },
      opset: 23,
    },
    /fixed number of rows/,
  ],
  'places for a fixed number of rows': [
    {
      inputs: { x: ['N', 2, 2, 4] },
      nodes: [node('RotaryEmbedding', 'x c s p', 'y')],
      constants: { ...TABLES, p: int64s([0, 1, 1, 2], [2, 2]) },
      opset: 23,
    },
    /other rows/,
  ],
});

/** Rows merged with two heads behind them, or in front of them. */
const MERGED = [
  node('Reshape', 'x shape', 'behind'),
  node('Transpose', 'z', 'turned', { perm: [1, 0, 2] }),
  node('Reshape', 'turned shape', 'front'),
];
const MERGED_CASE = {
  inputs: { x: ['N', 2, 12], z: ['N', 2, 12] },
  constants: { shape: int64s([-1, 3, 4]), w: floats(Array(48).fill(0), [4, 12]), b: floats(Array(12).fill(0)) },
};

testCases('undecided', {
  'a mask of rows that are merged in another order': [
    {
      ...MERGED_CASE,
      nodes: [
        ...MERGED,
        node('ReduceMax', 'front', 'mask', { axes: [2], keepdims: 0 }),
        node('Attention', 'behind w b mask', 'y', { num_heads: 2 }, 'com.microsoft'),
      ],
    },
    /mask may be of other rows/,
  ],
  'a past of rows that are merged in another order': [
    {
      ...MERGED_CASE,
      nodes: [
        ...MERGED,
        node('Unsqueeze', 'front axes', 'one'),
        node('Concat', 'one one', 'past', { axis: 0 }),
        node('Attention', 'behind w b - past', 'y', { num_heads: 2 }, 'com.microsoft'),
      ],
      constants: { ...MERGED_CASE.constants, axes: int64s([0, 2]) },
    },
    /past may be of other rows/,
  ],
});
