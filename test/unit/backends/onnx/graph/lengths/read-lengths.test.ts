/** The lengths at which a network's arithmetic may change: by the road that the length takes to its values. */
import { test } from 'node:test';
import { type Case, CHOOSE, checkLengths, N, numbers, P, real, scalar } from '../../../../../support/length-graphs.ts';
import { floats, int64s, node } from '../../../../../support/onnx-graph.ts';

/** 40 in each. */
const OTHER_FLOATS = {
  half: { type: 'float16', dims: [], values: [0x5100] },
  double: { type: 'double', dims: [], values: [40] },
} as const;

/** Each has to give the length from which on the arithmetic is another. */
const ROADS: Readonly<Record<string, readonly [at: readonly number[], model: Case]>> = {
  Greater: [[41], { nodes: [...N, node('Greater', 'n i40', 'c'), ...CHOOSE] }],
  GreaterOrEqual: [[40], { nodes: [...N, node('GreaterOrEqual', 'n i40', 'c'), ...CHOOSE] }],
  Less: [[40], { nodes: [...N, node('Less', 'n i40', 'c'), ...CHOOSE] }],
  Equal: [[40, 41], { nodes: [...N, node('Equal', 'n i40', 'c'), ...CHOOSE] }],
  'twice the length': [[41], { nodes: [...N, node('Mul', 'n i2', 'm'), node('Greater', 'm i80', 'c'), ...CHOOSE] }],
  'its root': [[37], { nodes: [...N, node('Sqrt', 'f', 'm'), node('Greater', 'm f6', 'c'), ...CHOOSE] }],
  'its logarithm, rounded': [
    [3, 8, 21],
    { nodes: [...N, node('Log', 'f', 'm'), node('Floor', 'm', 'k'), node('Mul', 'x k', 'y')] },
  ],
  'a logarithm from 32 on': [
    [33],
    {
      constants: { log32: real(Math.log(32)) },
      nodes: [
        ...N,
        node('Log', 'f', 'm'),
        node('Div', 'm log32', 'r'),
        node('Max', 'r f1', 't'),
        node('Mul', 'x t', 'y'),
      ],
    },
  ],
  'the rest of a division': [
    [8, 16],
    { nodes: [...N, node('Mod', 'n i8', 'm'), node('Equal', 'm i0', 'c'), ...CHOOSE] },
  ],
  'a whole division': [[40, 80], { nodes: [...N, node('Div', 'n i40', 'm'), node('Mul', 'x m', 'y')] }],
  'a window': [
    [41, 60],
    {
      nodes: [...N, node('Greater', 'n i40', 'a'), node('Less', 'n i60', 'b'), node('And', 'a b', 'c'), ...CHOOSE],
    },
  ],
  Where: [
    [41],
    { nodes: [...N, node('Greater', 'n i40', 'c'), node('Where', 'c f2 f1', 's'), node('Mul', 'x s', 'y')] },
  ],
  Min: [[41], { nodes: [...N, node('Min', 'n i40', 'm'), node('Cast', 'm', 'd', { to: 1 }), node('Mul', 'x d', 'y')] }],
  'Min of two lines': [
    [41],
    { nodes: [...N, node('Mul', 'n i2', 'a'), node('Add', 'n i40', 'b'), node('Min', 'a b', 'c'), ...CHOOSE] },
  ],
  'Clip by inputs': [[41], { nodes: [...N, node('Clip', 'f f1 f40', 'd'), node('Mul', 'x d', 'y')] }],
  'Clip by attributes': [
    [41],
    {
      opsets: { '': 10 },
      nodes: [
        ...N.slice(0, 3),
        node('Clip', 'f', 'd', { min: { float: 0 }, max: { float: 40 } }),
        node('Mul', 'x d', 'y'),
      ],
    },
  ],
  Relu: [[41], { nodes: [...N, node('Sub', 'f f40', 'm'), node('Relu', 'm', 'd'), node('Mul', 'x d', 'y')] }],
  Abs: [[41], { nodes: [...N, node('Sub', 'f f40', 'm'), node('Abs', 'm', 'd'), node('Mul', 'x d', 'y')] }],
  'a steep Sigmoid': [
    [36, 42],
    {
      nodes: [
        ...N,
        node('Mul', 'f f25', 'a'),
        node('Sub', 'a f1000', 'b'),
        node('Sigmoid', 'b', 'd'),
        node('Mul', 'x d', 'y'),
      ],
    },
  ],
  'Cast to integers': [
    [40, 80],
    { nodes: [...N, node('Div', 'f f40', 'm'), node('Cast', 'm', 'k', { to: 7 }), node('Cast', 'k', 'd', { to: 1 })] },
  ],
  'Cast to flags': [[41], { nodes: [...N, node('Div', 'n i40', 'm'), node('Cast', 'm', 'c', { to: 9 }), ...CHOOSE] }],
  'a float16': [
    [41],
    {
      constants: OTHER_FLOATS,
      nodes: [...N, node('Cast', 'n', 'h', { to: 10 }), node('Greater', 'h half', 'c'), ...CHOOSE],
    },
  ],
  'a double': [
    [41],
    {
      constants: OTHER_FLOATS,
      nodes: [...N, node('Cast', 'n', 'h', { to: 11 }), node('Greater', 'h double', 'c'), ...CHOOSE],
    },
  ],
  'a Constant node': [
    [41],
    {
      nodes: [...N, node('Constant', '', 'k', { value_int: 40 }), node('Greater', 'n k', 'c'), ...CHOOSE],
    },
  ],
  'a Constant node of a float': [
    [41],
    {
      nodes: [...N, node('Constant', '', 'k', { value_float: { float: 40 } }), node('Greater', 'f k', 'c'), ...CHOOSE],
    },
  ],
  'a Constant node of a tensor': [
    [41],
    {
      nodes: [
        ...N,
        node('Constant', '', 'k', { value: { tensor: scalar(40) } }),
        node('Greater', 'n k', 'c'),
        ...CHOOSE,
      ],
    },
  ],
  'a constant that is computed': [
    [41],
    { nodes: [...N, node('Mul', 'f40 f2', 'k'), node('Mul', 'f f2', 'm'), node('Greater', 'm k', 'c'), ...CHOOSE] },
  ],
  'the end of a slice': [[40], { nodes: [node('Slice', 'x v0 v40 v1', 'y')] }],
  'the end of a slice as an attribute': [
    [40],
    { opsets: { '': 9 }, nodes: [node('Slice', 'x', 'y', { starts: [0], ends: [40], axes: [1] })] },
  ],
  'an end that is computed': [[41], { nodes: [...N, node('Sub', 'v v40', 'e'), node('Slice', 'x v0 e v1', 'y')] }],
  'a table of positions': [[512], { nodes: [...P, node('Gather', 'table p', 'e'), node('Add', 'x e', 'y')] }],
  'a table that is cut': [[512], { nodes: [...N, node('Slice', 'table v0 v v0', 'e'), node('Add', 'x e', 'y')] }],
  'a diagonal': [
    [40],
    {
      nodes: [
        node('Transpose', 'x', 't', { perm: [0, 2, 1] }),
        node('MatMul', 'x t', 's'),
        node('Trilu', 's i40', 'y'),
      ],
    },
  ],
  'a diagonal by the length': [
    [41],
    {
      nodes: [
        ...N,
        node('Transpose', 'x', 't', { perm: [0, 2, 1] }),
        node('MatMul', 'x t', 's'),
        node('Sub', 'n i40', 'k'),
        node('Trilu', 's k', 'y'),
      ],
    },
  ],
  'positions beyond a constant': [
    [41],
    { nodes: [...P, node('Greater', 'p i40', 'c'), node('Cast', 'c', 'y', { to: 1 })] },
  ],
  'twice the positions': [
    [42],
    { nodes: [...P, node('Mul', 'p i2', 'm'), node('Greater', 'm i80', 'c'), node('Cast', 'c', 'y', { to: 1 })] },
  ],
  'pads that become positive': [
    [40],
    {
      constants: { five: int64s([0, 0, 0, 0]), zero1: int64s([0]) },
      nodes: [
        ...N,
        node('Sub', 'v v40', 'e'),
        node('Concat', 'five e zero1', 'pads', { axis: 0 }),
        node('Pad', 'x pads', 'y'),
      ],
    },
  ],
  'a number of a short list': [
    [6],
    {
      constants: { few: floats([0, 0, 0, 0, 0, 0, 1, 1, 1, 1]) },
      nodes: [...N, node('Gather', 'few n', 's'), node('Mul', 'x s', 'y')],
    },
  ],
  'a window of a convolution': [
    [5],
    {
      constants: { w: floats(numbers(4 * 4 * 5), [4, 4, 5]) },
      nodes: [node('Transpose', 'x', 't', { perm: [0, 2, 1] }), node('Conv', 't w', 'y', { pads: [2, 2] })],
    },
  ],
  'a local window of attention': [
    [40],
    {
      inputs: { q: { type: 'float', dims: ['batch', 'n', 4] }, mask: { type: 'int32', dims: ['batch'] } },
      nodes: [node('GroupQueryAttention', 'q q q - - mask mask', 'y', { local_window_size: 40 }, 'com.microsoft')],
    },
  ],
  'data that meet a constant': [
    [40],
    {
      nodes: [
        ...N,
        node('Mul', 'x f0', 'z'),
        node('Add', 'z f', 's'),
        node('MatMul', 's weights', 'm'),
        node('Greater', 'm f40', 'c'),
        node('Cast', 'c', 'y', { to: 1 }),
      ],
    },
  ],
  'a length beside data': [
    [40],
    {
      nodes: [
        ...N,
        node('Mul', 'x f0', 'z'),
        node('Add', 'z f', 's'),
        node('Sub', 's f40', 'm'),
        node('Relu', 'm', 'y'),
      ],
    },
  ],
};

for (const [name, [at, model]] of Object.entries(ROADS)) {
  test(`lengths are found through a road: ${name}`, (t) => checkLengths(t, at, model));
}
