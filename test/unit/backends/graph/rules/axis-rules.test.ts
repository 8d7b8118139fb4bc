/** Ops along axes: rows are mixed where the axis is theirs, by the op's version and its defaults. */
import { testCases } from '../../../../support/judge-cases.ts';
import { floats, int64s, node } from '../../../../support/onnx-graph.ts';

const CUBE = { inputs: { x: ['N', 3, 4] } };
const SCALE = { s: floats([1, 1, 1, 1]) };

testCases('rows', {
  'a sum over columns': [{ nodes: [node('ReduceSum', 'x a', 'y')], constants: { a: int64s([1]) } }],
  'a sum over the last axis': [{ nodes: [node('ReduceSum', 'x a', 'y')], constants: { a: int64s([-1]) } }],
  'a mean by attribute': [{ nodes: [node('ReduceMean', 'x', 'y', { axes: [1], keepdims: 0 })] }],
  'no axes that mean none': [{ nodes: [node('ReduceSum', 'x', 'y', { noop_with_empty_axes: 1 })] }],
  'a softmax of the last axis': [{ nodes: [node('Softmax', 'x', 'y')] }],
  'an old softmax from axis 1': [{ nodes: [node('Softmax', 'x', 'y')], opset: 12 }],
  'the largest column': [{ nodes: [node('ArgMax', 'x', 'y', { axis: 1 })] }],
  'the best two columns': [{ nodes: [node('TopK', 'x k', 'y i')], constants: { k: int64s([2]) }, outputs: ['y', 'i'] }],
  'a running sum along columns': [{ nodes: [node('CumSum', 'x a', 'y')], constants: { a: int64s([1], []) } }],
  'a norm of each row': [{ nodes: [node('LpNormalization', 'x', 'y', { p: 1 })] }],
  'a layer norm': [{ nodes: [node('LayerNormalization', 'x s', 'y')], constants: SCALE }],
  'a batch norm': [
    { ...CUBE, nodes: [node('BatchNormalization', 'x s s s s', 'y')], constants: { s: floats([1, 1, 1]) } },
  ],
  'an instance norm': [
    { ...CUBE, nodes: [node('InstanceNormalization', 'x s s', 'y')], constants: { s: floats([1, 1, 1]) } },
  ],
  'triangles of matrices': [{ inputs: { x: ['N', 4, 4] }, nodes: [node('Trilu', 'x', 'y')] }],
  'a determinant of each matrix': [{ inputs: { x: ['N', 4, 4] }, nodes: [node('Det', 'x', 'y')] }],
  'reversed by a length of each row': [
    {
      inputs: { x: ['N', 5] },
      ints: { n: ['N'] },
      nodes: [node('ReverseSequence', 'x n', 'y', { batch_axis: 0, time_axis: 1 })],
    },
  ],
});

testCases('mixed', {
  'a sum over rows': [{ nodes: [node('ReduceSum', 'x a', 'y')], constants: { a: int64s([0]) } }, /ReduceSum.*axis 0/],
  'a sum over all': [{ nodes: [node('ReduceSum', 'x', 'y')] }, /axis 0/],
  'a mean over an axis from the end': [{ nodes: [node('ReduceMean', 'x', 'y', { axes: [-2] })] }, /axis 0/],
  'a softmax of rows': [{ nodes: [node('Softmax', 'x', 'y', { axis: 0 })] }, /Softmax.*axis 0/],
  'an old softmax from axis 0': [{ nodes: [node('Softmax', 'x', 'y', { axis: 0 })], opset: 12 }, /from 0 on/],
  'an old softmax over the rows on axis 1': [
    {
      inputs: { x: [4, 'N', 3] },
      axes: { x: 1, y: 1 },
      nodes: [node('Softmax', 'x', 'y', { axis: 1 })],
      opset: 11,
    },
    /from 1 on/,
  ],
  'the largest row': [{ nodes: [node('ArgMax', 'x', 'y')] }, /ArgMax/],
  'the best two rows': [{ nodes: [node('TopK', 'x k', 'y i', { axis: 0 })], constants: { k: int64s([2]) } }, /sorts/],
  'a running sum along rows': [{ nodes: [node('CumSum', 'x a', 'y')], constants: { a: int64s([0], []) } }, /CumSum/],
  'an L1 norm over rows': [{ nodes: [node('LpNormalization', 'x', 'y', { p: 1, axis: 0 })] }, /LpNormalization/],
  'a layer norm of all axes': [
    { ...CUBE, nodes: [node('LayerNormalization', 'x s', 'y', { axis: 0 })], constants: SCALE },
    /LayerNormalization/,
  ],
  'a mean and variance over images': [
    { inputs: { x: ['N', 3, 4, 4] }, nodes: [node('MeanVarianceNormalization', 'x', 'y')] },
    /MeanVariance/,
  ],
  'a batch norm of training': [
    {
      ...CUBE,
      nodes: [node('BatchNormalization', 'x s s s s', 'y', { training_mode: 1 })],
      constants: { s: floats([1, 1, 1]) },
    },
    /trains/,
  ],
  'a channel norm over the rows': [
    { inputs: { x: [1, 'N', 5] }, axes: { x: 1, y: 1 }, nodes: [node('LRN', 'x', 'y', { size: 3 })] },
    /LRN/,
  ],
  'a triangle of rows': [{ nodes: [node('Trilu', 'x', 'y', { upper: 0 })] }, /Trilu.*axis 0/],
  'a reversal of rows': [
    {
      inputs: { x: ['N', 5] },
      ints: { n: [5] },
      axes: { n: 'same' },
      nodes: [node('ReverseSequence', 'x n', 'y', { batch_axis: 1, time_axis: 0 })],
    },
    /reverses axis 0/,
  ],
});

testCases('undecided', {
  'axes that a request names': [
    { inputs: { x: ['N', 4] }, ints: { a: [1] }, axes: { a: 'same' }, nodes: [node('ReduceSum', 'x a', 'y')] },
    /axes are not known/,
  ],
  'an axis that is not there': [{ nodes: [node('ArgMax', 'x', 'y', { axis: 5 })] }, /no axis 5/],
});
