/** ai.onnx.ml, texts, and com.microsoft. */
import { testCases } from '../../../../support/judge-cases.ts';
import { floats, int64s, node } from '../../../../support/onnx-graph.ts';

const ML = 'ai.onnx.ml';
const MS = 'com.microsoft';
const WIDE = floats(Array(16).fill(1), [4, 4]);
const ATTENTION = { w: floats(Array(96).fill(1), [8, 12]), b: floats(Array(12).fill(0)) };

testCases('rows', {
  'a classifier of trees whose labels have names': [
    {
      nodes: [
        node('TreeEnsembleClassifier', 'x', 'l z', {}, ML),
        node('ArgMax', 'z', 'i', { axis: 1, keepdims: 0 }),
        node('ArrayFeatureExtractor', 'names i', 'n', {}, ML),
        node('Reshape', 'n s', 'y'),
      ],
      constants: { names: int64s([7, 8]), s: int64s([-1]) },
      outputs: ['y', 'z', 'l'],
    },
  ],
  'categories that are texts, each a column of its own': [
    {
      texts: { x: ['N', 1] },
      nodes: [
        node('OneHotEncoder', 'x', 'o', { cats_strings: { strings: ['Oslo', 'Rome', 'Paris'] } }, ML),
        node('Reshape', 'o s', 'y'),
      ],
      constants: { s: int64s([-1, 3]) },
    },
  ],
  'scores of trees whose labels are texts': [
    {
      nodes: [
        node('TreeEnsembleClassifier', 'x', 'l z', { classlabels_strings: { strings: ['a', 'b', 'c'] } }, ML),
        node('Reshape', 'z s', 'y'),
      ],
      constants: { s: int64s([-1, 3]) },
    },
  ],
  'a regressor behind a scaler': [
    { nodes: [node('Scaler', 'x', 'a', {}, ML), node('LinearRegressor', 'a', 'y', {}, ML)] },
  ],
  'a norm of each sample': [{ nodes: [node('Normalizer', 'x', 'y', { norm: 'L2' }, ML)] }],
  'categories beside each other': [
    {
      inputs: { x: ['N', 2], z: ['M', 1] },
      nodes: [node('FeatureVectorizer', 'x z', 'y', { inputdimensions: [2, 1] }, ML)],
    },
  ],
  'words that are counted': [{ texts: { x: ['N', 3] }, nodes: [node('TfIdfVectorizer', 'x', 'y', { mode: 'TF' })] }],
  'attention of each row': [
    {
      inputs: { x: ['N', 'T', 8] },
      ints: { m: ['M', 'T'] },
      nodes: [node('Attention', 'x w b m', 'y', { num_heads: 2 }, MS)],
      constants: ATTENTION,
    },
  ],
  'a sum that is normalized': [
    {
      inputs: { x: ['N', 'T', 4], z: ['N', 'T', 4] },
      nodes: [node('SkipLayerNormalization', 'x z g', 'y', {}, MS)],
      constants: { g: floats([1, 1, 1, 1]) },
    },
  ],
  'a product with scales of constants': [
    {
      nodes: [node('FusedMatMul', 'x w', 'm', { transB: 1 }, MS), node('Gelu', 'm', 'y', {}, MS)],
      constants: { w: WIDE },
    },
  ],
});

testCases('mixed', {
  'one sample of many features': [
    { inputs: { x: [4, 'N'] }, axes: { x: 1 }, nodes: [node('TreeEnsembleRegressor', 'x', 'y', {}, ML)] },
    /TreeEnsembleRegressor.*features/,
  ],
  'one text of many words': [
    { texts: { x: [1, 'N'] }, axes: { x: 1 }, nodes: [node('TfIdfVectorizer', 'x', 'y', { mode: 'TF' })] },
    /TfIdfVectorizer/,
  ],
  'stop words that leave': [
    {
      texts: { x: ['N'] },
      nodes: [node('StringNormalizer', 'x', 'y', { stopwords: { strings: ['a'] } })],
    },
    /stop words/,
  ],
  'attention over rows on axis 1': [
    {
      inputs: { x: [1, 'N', 8] },
      axes: { x: 1, y: 1 },
      nodes: [node('Attention', 'x w b', 'y', { num_heads: 2 }, MS)],
      constants: ATTENTION,
    },
    /Attention.*axis 1/,
  ],
  'a quantizer of all rows': [{ nodes: [node('DynamicQuantizeLSTM', 'x', 'y', {}, MS)] }, /all rows/],
});

testCases('undecided', {
  'a vector of samples': [{ inputs: { x: ['N'] }, nodes: [node('TreeEnsembleRegressor', 'x', 'y', {}, ML)] }, /1 dims/],
  'words filled up to the longest row': [
    { texts: { x: ['N'] }, nodes: [node('Tokenizer', 'x', 'y', {}, MS)] },
    /longest/,
  ],
});
