/** Elementwise ops: rows stay apart unless they meet rows of another axis or a constant with a value for each row. */
import { testCases } from '../../../../support/judge-cases.ts';
import { floats, int64s, node } from '../../../../support/onnx-graph.ts';

testCases('rows', {
  'a chain of unary ops': [{ nodes: [node('Relu', 'x', 'a'), node('Exp', 'a', 'b'), node('Neg', 'b', 'y')] }],
  'a constant for each column': [{ nodes: [node('Add', 'x w', 'y')], constants: { w: floats([1, 2, 3, 4]) } }],
  'a constant with one row': [{ nodes: [node('Mul', 'x w', 'y')], constants: { w: floats([1, 2, 3, 4], [1, 4]) } }],
  'two inputs': [{ inputs: { x: ['N', 4], z: ['M', 1] }, nodes: [node('Sub', 'x z', 'y')] }],
  'an input that is the same for all': [
    { inputs: { x: ['N', 4], s: [] }, axes: { s: 'same' }, nodes: [node('Div', 'x s', 'y')] },
  ],
  'a choice by a condition of the row': [
    {
      nodes: [node('Greater', 'x c', 'm'), node('Where', 'm x c', 'y')],
      constants: { c: floats([0], []) },
    },
  ],
  'a dropout without training': [{ nodes: [node('Dropout', 'x', 'y')] }],
  'one scale for all': [
    {
      nodes: [node('QuantizeLinear', 'x s', 'q'), node('DequantizeLinear', 'q s', 'y')],
      constants: { s: floats([0.5], []) },
    },
  ],
  'a scale for each column': [
    { nodes: [node('QuantizeLinear', 'x s', 'y', { axis: 1 })], constants: { s: floats([1, 1, 1, 1]) } },
  ],
});

testCases('mixed', {
  'a constant with a value for each row': [
    { nodes: [node('Add', 'x w', 'y')], constants: { w: floats([1, 2, 3], [3, 1]) } },
    /Add.*each of 3 rows/,
  ],
  'rows of axis 0 with rows of axis 1': [
    { nodes: [node('Transpose', 'x', 't'), node('Add', 'x t', 'y')] },
    /rows of axis 0 with rows of axis 1/,
  ],
  'a vector of rows on a matrix of rows': [
    { inputs: { x: ['N', 4], z: ['N'] }, nodes: [node('Add', 'x z', 'y')] },
    /rows of axis/,
  ],
  'a division by the number of rows': [
    {
      nodes: [
        node('Shape', 'x', 's'),
        node('Gather', 's zero', 'n'),
        node('Cast', 'n', 'f', { to: 1 }),
        node('Div', 'x f', 'y'),
      ],
      constants: { zero: int64s([0], []) },
    },
    /Div.*number of rows/,
  ],
  'a scale for each row': [
    { nodes: [node('QuantizeLinear', 'x s', 'y', { axis: 0 })], constants: { s: floats([1, 1, 1]) } },
    /QuantizeLinear.*scale/,
  ],
  'a scale from all rows': [
    { nodes: [node('DynamicQuantizeLinear', 'x', 'y s z')], outputs: ['y'] },
    /DynamicQuantizeLinear.*all rows/,
  ],
});

testCases('undecided', {
  'an op that nobody knows': [{ nodes: [node('Mystery', 'x', 'y', {}, 'acme')] }, /acme\.Mystery/],
  'an op of ai.onnx without a rule': [{ nodes: [node('SequenceConstruct', 'x', 'y')] }, /SequenceConstruct/],
  'random numbers': [{ nodes: [node('RandomNormalLike', 'x', 'y')] }, /RandomNormalLike/],
  'random numbers beside the rows': [
    { nodes: [node('RandomNormal', '', 'r', { shape: [4] }), node('Add', 'x r', 'y')] },
    /RandomNormal/,
  ],
  'a dropout that may train': [
    {
      inputs: { x: ['N', 4], t: [] },
      axes: { t: 'same' },
      nodes: [node('Dropout', 'x - t', 'y')],
    },
    /Dropout/,
  ],
  'a value that no node gives': [{ nodes: [node('Add', 'x z', 'y')] }, /"z"/],
});

testCases('rows', {
  'rows cast to a type of floats': [{ nodes: [node('CastLike', 'x like', 'y')], constants: { like: floats([1]) } }],
  'floats cast to small integers': [{ nodes: [node('Cast', 'x', 'y', { to: 2 })] }],
});

testCases('undecided', {
  'floats cast to uint32': [{ nodes: [node('Cast', 'x', 'y', { to: 12 })] }, /uint32/],
  'floats cast like uint32': [
    {
      nodes: [node('CastLike', 'x like', 'y')],
      constants: { like: { type: 'uint32', dims: [1], values: [1] } },
    },
    /uint32/,
  ],
  'a dropout of training of a constant': [
    {
      nodes: [node('Dropout', 'w ratio training', 'noise'), node('Add', 'x noise', 'y')],
      constants: {
        w: floats([1, 2, 3, 4]),
        ratio: floats([0.5], []),
        training: { type: 'bool', dims: [], values: [1] },
      },
    },
    /random/,
  ],
});
