/** Ops that move data: where the rows are after a Reshape, and what shapes are computed from. */
import { testCases } from '../../../../support/judge-cases.ts';
import { floats, int64s, node } from '../../../../support/onnx-graph.ts';

const SEQUENCE = { inputs: { x: ['N', 'T', 8] } };
const shaped = (...sizes: readonly number[]) => ({ s: int64s(sizes) });
/** b and t: the first two dims of x as vectors of one element. */
const FIRST_TWO = [
  node('Shape', 'x', 'all'),
  node('Slice', 'all zero one', 'b'),
  node('Gather', 'all i1', 't0'),
  node('Unsqueeze', 't0 zero', 't'),
];
const PARTS = { zero: int64s([0]), one: int64s([1]), i1: int64s([1], []), four: int64s([4]), two: int64s([2]) };

testCases('rows', {
  'heads and back': [
    {
      ...SEQUENCE,
      nodes: [
        node('Reshape', 'x s', 'h'),
        node('Transpose', 'h', 't', { perm: [0, 2, 1, 3] }),
        node('Softmax', 't', 'p'),
        node('Transpose', 'p', 'u', { perm: [0, 2, 1, 3] }),
        node('Reshape', 'u r', 'y'),
      ],
      constants: { s: int64s([0, -1, 4, 2]), r: int64s([0, 0, 8]) },
    },
  ],
  'a computed dim behind the rows, which fits where the runtime takes it for what is left': [
    {
      ...SEQUENCE,
      nodes: [
        ...FIRST_TWO,
        node('Mul', 't two', 'twice'),
        node('Sub', 'twice one', 'odd'),
        node('Concat', 'b four odd', 'target', { axis: 0 }),
        node('Reshape', 'x target', 'y'),
      ],
      constants: PARTS,
    },
  ],
  'rows of all steps, and back by the shape of x': [
    {
      ...SEQUENCE,
      nodes: [
        ...FIRST_TWO,
        node('Reshape', 'x s', 'flat'),
        node('MatMul', 'flat w', 'z'),
        node('Concat', 'b t four', 'back', { axis: 0 }),
        node('Reshape', 'z back', 'y'),
      ],
      constants: { ...PARTS, s: int64s([-1, 8]), w: floats(Array(32).fill(1), [8, 4]) },
    },
  ],
  'heads of the batch as one axis': [
    {
      ...SEQUENCE,
      nodes: [
        ...FIRST_TWO,
        node('Mul', 'b four', 'bh'),
        node('Reshape', 'x s', 'h'),
        node('Transpose', 'h', 'g', { perm: [0, 2, 1, 3] }),
        node('Concat', 'bh t two', 'merged', { axis: 0 }),
        node('Reshape', 'g merged', 'm'),
        node('Transpose', 'm', 'k', { perm: [0, 2, 1] }),
        node('MatMul', 'm k', 'scores'),
        node('Softmax', 'scores', 'p', { axis: -1 }),
        node('MatMul', 'p m', 'c'),
        node('Concat', 'b four t two', 'split', { axis: 0 }),
        node('Reshape', 'c split', 'y'),
      ],
      constants: { ...PARTS, s: int64s([0, -1, 4, 2]) },
    },
  ],
  'a product that is flattened': [{ ...SEQUENCE, nodes: [node('Flatten', 'x', 'y')] }],
  'time in front, batch on axis 1': [
    {
      ...SEQUENCE,
      axes: { y: 1 },
      nodes: [node('Transpose', 'x', 'y', { perm: [1, 0, 2] })],
    },
  ],
  'axes of 1 that come and go': [
    {
      nodes: [node('Unsqueeze', 'x zero', 'a'), node('Squeeze', 'a zero', 'y')],
      constants: { zero: int64s([0]) },
    },
  ],
  'a mask of ones, one for each row': [
    {
      nodes: [node('Shape', 'x', 's'), node('ConstantOfShape', 's', 'm'), node('Add', 'x m', 'y')],
    },
  ],
  'a token in front of each row': [
    {
      ...SEQUENCE,
      nodes: [
        ...FIRST_TWO,
        node('Concat', 'b minus minus', 'e', { axis: 0 }),
        node('ConstantOfShape', 'three', 'ones', { value: { tensor: int64s([1]) } }),
        node('Equal', 'e minus3', 'is'),
        node('Where', 'is ones e', 'wanted'),
        node('Expand', 'token wanted', 'tokens'),
        node('Concat', 'tokens x', 'y', { axis: 1 }),
      ],
      constants: {
        ...PARTS,
        minus: int64s([-1]),
        minus3: int64s([-1, -1, -1]),
        three: int64s([3]),
        token: floats(Array(8).fill(1), [1, 1, 8]),
      },
    },
  ],
  'copies for each row': [
    {
      nodes: [
        node('Shape', 'x', 's'),
        node('Slice', 's zero one', 'b'),
        node('Concat', 'b one', 'repeats', { axis: 0 }),
        node('Tile', 'w repeats', 'copies'),
        node('Concat', 'x copies', 'y', { axis: 1 }),
      ],
      constants: { zero: int64s([0]), one: int64s([1]), w: floats([1, 2], [1, 2]) },
    },
  ],
  'positions of time': [
    {
      ints: { x: ['N', 'T'] },
      nodes: [
        ...FIRST_TWO,
        node('Slice', 'positions zero t i', 'p'),
        node('Gather', 'words x', 'a'),
        node('Gather', 'places p', 'q'),
        node('Add', 'a q', 'y'),
      ],
      constants: {
        ...PARTS,
        i: int64s([1]),
        positions: int64s([0, 1, 2, 3], [1, 4]),
        words: floats(Array(40).fill(1), [10, 4]),
        places: floats(Array(16).fill(1), [4, 4]),
      },
    },
  ],
  'halves of columns': [{ nodes: [node('Split', 'x', 'y z', { axis: 1 })], outputs: ['y', 'z'] }],
  'zeros around columns': [{ nodes: [node('Pad', 'x s', 'y')], constants: shaped(0, 1, 0, 1) }],
  'all rows of a Slice': [
    {
      nodes: [node('Slice', 'x a b', 'y')],
      constants: { a: int64s([0, 1]), b: int64s([2 ** 31, 3]) },
    },
  ],
  'pixels out of channels': [
    { inputs: { x: ['N', 4, 2, 2] }, nodes: [node('DepthToSpace', 'x', 'y', { blocksize: 2 })] },
  ],
});

testCases('mixed', {
  'all rows in one': [{ nodes: [node('Reshape', 'x s', 'y')], constants: shaped(1, -1) }, /rows on axis 1/],
  'rows in groups': [{ nodes: [node('Reshape', 'x s', 'y')], constants: shaped(2, -1) }, /Reshape/],
  'an output with a row for each step': [
    { ...SEQUENCE, nodes: [node('Reshape', 'x s', 'y')], constants: shaped(-1, 8) },
    /more than one index/,
  ],
  'time read as batch after a Reshape': [
    {
      inputs: { x: ['N', 6] },
      nodes: [node('Reshape', 'x s', 'a'), node('ReduceSum', 'a zero', 'y')],
      constants: { s: int64s([-1, 3]), zero: int64s([0]) },
    },
    /ReduceSum/,
  ],
  'transposed rows': [{ nodes: [node('Transpose', 'x', 'y')] }, /axis 1, not 0/],
  'a flattening from the front': [{ nodes: [node('Flatten', 'x', 'y', { axis: 0 })] }, /axis 1/],
  'every dim of 1 removed': [{ nodes: [node('Squeeze', 'x', 'y')] }, /single row/],
  'rows behind rows': [{ nodes: [node('Concat', 'x x', 'y', { axis: 0 })] }, /Concat.*joins axis 0/],
  'rows before a constant row': [
    { nodes: [node('Concat', 'x w', 'y', { axis: 1 })], constants: { w: floats([1, 2, 3], [3, 1]) } },
    /fixed number of rows/,
  ],
  'rows cut off': [
    { nodes: [node('Slice', 'x a b', 'y')], constants: { a: int64s([0]), b: int64s([2]) } },
    /cuts rows/,
  ],
  'rows in reverse': [
    {
      nodes: [node('Slice', 'x a b zero step', 'y')],
      constants: { a: int64s([-1]), b: int64s([-(2 ** 31)]), zero: int64s([0]), step: int64s([-1]) },
    },
    /cuts rows/,
  ],
  'as many columns as rows': [
    {
      nodes: [node('Shape', 'x', 's'), node('Slice', 's zero one', 'b'), node('Slice', 'x zero b one', 'y')],
      constants: { zero: int64s([0]), one: int64s([1]) },
    },
    /as many as there are rows/,
  ],
  'rows split': [{ nodes: [node('Split', 'x', 'y z', { axis: 0 })] }, /splits axis 0/],
  'padding rows': [{ nodes: [node('Pad', 'x s', 'y')], constants: shaped(1, 0, 0, 0) }, /pads/],
  'rows repeated': [{ nodes: [node('Tile', 'x s', 'y')], constants: shaped(2, 1) }, /repeats the rows/],
  'a constant output': [{ nodes: [node('Identity', 'w', 'y')], constants: { w: floats([1, 2]) } }, /no batch axis/],
  'the number of rows as an output': [{ nodes: [node('Shape', 'x', 'y')] }, /number of rows/],
});

testCases('undecided', {
  'the place of a row': [
    {
      nodes: [
        node('Shape', 'x', 's'),
        node('Gather', 's zero', 'n'),
        node('Range', 'zero n one', 'r'),
        node('Cast', 'r', 'f', { to: 1 }),
        node('Unsqueeze', 'f last', 'c'),
        node('Add', 'x c', 'y'),
      ],
      constants: { zero: int64s([0], []), one: int64s([1], []), last: int64s([1]) },
    },
    /Range.*numbers the rows/,
  ],
  'a shape that a request names': [
    { ints: { s: [2] }, inputs: { x: ['N', 4] }, axes: { s: 'same' }, nodes: [node('Reshape', 'x s', 'y')] },
    /Reshape/,
  ],
  'columns that may not fit': [
    { inputs: { x: ['N', 'T'] }, nodes: [node('Reshape', 'x s', 'y')], constants: shaped(-1, 6) },
    /may cut the rows/,
  ],
  'repeats that a request names': [
    { ints: { r: [2] }, inputs: { x: ['N', 4] }, axes: { r: 'same' }, nodes: [node('Expand', 'x r', 'y')] },
    /may repeat/,
  ],
});

const COUNTED = [node('Shape', 'x', 's'), node('Slice', 's zero one', 'b')];

testCases('mixed', {
  'padding of a constant by the number of rows': [
    {
      nodes: [
        ...COUNTED,
        node('Concat', 'zero b', 'p', { axis: 0 }),
        node('Pad', 'w p', 'q'),
        node('ReduceSum', 'q zero', 'r', { keepdims: 0 }),
        node('Add', 'x r', 'y'),
      ],
      constants: { zero: int64s([0]), one: int64s([1]), w: floats([1, 2]) },
    },
    /Pad.*number of rows/,
  ],
  'padding of columns by the number of rows': [
    {
      nodes: [...COUNTED, node('Concat', 'zero zero zero b', 'p', { axis: 0 }), node('Pad', 'x p', 'y')],
      constants: { zero: int64s([0]), one: int64s([1]) },
    },
    /Pad.*number of rows/,
  ],
});

testCases('undecided', {
  'the one element of a slice backwards from before the first': [
    {
      inputs: { x: ['N', 5] },
      nodes: [
        node('Slice', 'x start end axis step', 's'),
        ...[node('Shape', 's', 'shape'), node('Gather', 'shape first', 'n'), node('Gather', 'shape axis', 'width')],
        ...[
          node('Add', 'n width', 'm'),
          node('Concat', 'm rest', 'target', { axis: 0 }),
          node('Reshape', 'x target', 'y'),
        ],
      ],
      constants: {
        ...{ start: int64s([-100]), end: int64s([-200]), axis: int64s([1]), step: int64s([-1]) },
        ...{ first: int64s([0]), rest: int64s([-1]) },
      },
    },
  ],
});

testCases('undecided', {
  'a computed shape of fewer elements, in which the runtime takes one dim for what is left': [
    {
      nodes: [
        ...[node('Shape', 'x', 'shape'), node('Gather', 'shape first', 'n')],
        ...[node('Concat', 'n two', 'target', { axis: 0 }), node('Reshape', 'x target', 'y')],
      ],
      constants: { first: int64s([0]), two: int64s([2]) },
    },
    /another number of elements/,
  ],
});
