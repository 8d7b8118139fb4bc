/** Ops that pick by indices. */
import { testCases } from '../../../../support/judge-cases.ts';
import { floats, int64s, node } from '../../../../support/onnx-graph.ts';

const TABLE = { w: floats(Array(40).fill(1), [10, 4]) };

testCases('rows', {
  'words of a table': [{ ints: { x: ['N', 'T'] }, nodes: [node('Gather', 'w x', 'y')], constants: TABLE }],
  'one column': [{ nodes: [node('Gather', 'x i', 'y', { axis: 1 })], constants: { i: int64s([2], []) } }],
  'columns by an index of the row': [
    { inputs: { x: ['N', 4] }, ints: { i: ['N', 2] }, nodes: [node('GatherElements', 'x i', 'y', { axis: 1 })] },
  ],
  'places of each row': [
    { inputs: { x: ['N', 4, 5] }, ints: { i: ['N', 2] }, nodes: [node('GatherND', 'x i', 'y', { batch_dims: 1 })] },
  ],
  'elements replaced within the row': [
    {
      inputs: { x: ['N', 4], u: ['N', 2] },
      ints: { i: ['N', 2] },
      nodes: [node('ScatterElements', 'x i u', 'y', { axis: 1 })],
    },
  ],
  'a one-hot code': [
    {
      ints: { x: ['N'] },
      nodes: [node('OneHot', 'x d v', 'y')],
      constants: { d: int64s([3]), v: floats([0, 1]) },
    },
  ],
  'columns that are kept': [
    {
      nodes: [node('Compress', 'x c', 'y', { axis: 1 })],
      constants: { c: { type: 'bool', dims: [4], values: [1, 0, 1, 0] } },
    },
  ],
});

testCases('mixed', {
  'one row': [{ nodes: [node('Gather', 'x i', 'y')], constants: { i: int64s([0]) } }, /picks from axis 0/],
  'rows by indices of rows': [
    { inputs: { x: ['N', 4] }, ints: { i: ['N'] }, nodes: [node('Gather', 'x i', 'y')] },
    /Gather/,
  ],
  'columns by indices of all rows': [
    { inputs: { x: ['N', 4] }, ints: { i: ['N'] }, nodes: [node('Gather', 'x i', 'y', { axis: 1 })] },
    /for every other/,
  ],
  'rows by indices of each': [
    { inputs: { x: ['N', 4] }, ints: { i: ['N', 4] }, nodes: [node('GatherElements', 'x i', 'y', { axis: 0 })] },
    /picks from axis 0/,
  ],
  'rows replaced': [
    {
      inputs: { x: ['N', 4], u: ['N', 4] },
      ints: { i: ['N', 4] },
      nodes: [node('ScatterElements', 'x i u', 'y')],
    },
    /replaces/,
  ],
  'the places that are not zero': [{ nodes: [node('NonZero', 'x', 'y')] }, /all rows/],
  'distinct values': [{ nodes: [node('Unique', 'x', 'y')] }, /all rows/],
  'rows that are kept': [
    { ints: { x: ['N', 4] }, nodes: [node('Compress', 'x x', 'y', { axis: 0 })] },
    /depends on all rows/,
  ],
  'boxes of all images': [
    {
      inputs: { x: ['N', 6, 4], s: ['N', 1, 6] },
      nodes: [node('NonMaxSuppression', 'x s', 'y')],
    },
    /NonMaxSuppression/,
  ],
});

testCases('undecided', {
  'elements replaced at places of a constant': [
    {
      inputs: { x: ['N', 4], u: ['N', 4] },
      nodes: [node('ScatterElements', 'x i u', 'y', { axis: 1 })],
      constants: { i: int64s([0, 1, 2, 3], [1, 4]) },
    },
    /other rows/,
  ],
});

testCases('rows', {
  'single texts that are picked': [
    { texts: { x: ['N', 3] }, nodes: [node('Gather', 'x one', 'y', { axis: 1 })], constants: { one: int64s([1]) } },
  ],
});

testCases('undecided', {
  'texts that are picked several at once': [
    {
      texts: { x: [3, 'N', 2] },
      axes: { x: 1 },
      nodes: [node('Gather', 'x one', 'y')],
      constants: { one: int64s([1], []) },
    },
    /several texts/,
  ],
  'labels that are texts, several at once': [
    {
      ints: { x: [3, 'N'] },
      axes: { x: 1 },
      nodes: [
        node(
          'LabelEncoder',
          'x',
          'text',
          { keys_int64s: [1], values_strings: { strings: ['one'] }, default_string: 'none' },
          'ai.onnx.ml',
        ),
        node('Gather', 'text one', 'y'),
      ],
      constants: { one: int64s([1], []) },
    },
    /several texts/,
  ],
  'numbers as texts, several at once': [
    {
      inputs: { x: [3, 'N'] },
      axes: { x: 1 },
      nodes: [node('Cast', 'x', 'text', { to: 8 }), node('Gather', 'text one', 'y')],
      constants: { one: int64s([1], []) },
    },
    /several texts/,
  ],
});
