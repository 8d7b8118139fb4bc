/** The idioms of exporters at full length: how PyTorch writes attention, masks, positions, images and text in pictures. */
import { testCases } from '../../../../support/judge-cases.ts';
import { floats, type GraphNode, int64s, node } from '../../../../support/onnx-graph.ts';

const weight = (...dims: readonly number[]) => floats(Array(dims.reduce((a, b) => a * b, 1)).fill(0.1), dims);
const NUMBERS = {
  i0: int64s([0], []),
  i1: int64s([1], []),
  v0: int64s([0]),
  v1: int64s([1]),
  v2: int64s([2]),
  v3: int64s([3]),
  v4: int64s([4]),
  v8: int64s([8]),
  open: int64s([-1]),
  last: int64s([-1]),
};

/** One size of `of`, as a vector named `to`. */
function sizeNodes(of: string, axis: 'i0' | 'i1', to: string): readonly GraphNode[] {
  return [
    node('Shape', of, `${to}_shape`),
    node('Gather', `${to}_shape ${axis}`, `${to}_scalar`, { axis: 0 }),
    node('Unsqueeze', `${to}_scalar v0`, to),
  ];
}

/** [N, T, 8] to [N, 4, T, 2]. */
function headNodes(from: string, to: string): readonly GraphNode[] {
  return [
    ...sizeNodes(from, 'i0', `${to}_n`),
    ...sizeNodes(from, 'i1', `${to}_t`),
    node('MatMul', `${from} w88`, `${to}_p`),
    node('Concat', `${to}_n ${to}_t v4 v2`, `${to}_s`, { axis: 0 }),
    node('Reshape', `${to}_p ${to}_s`, `${to}_r`),
    node('Transpose', `${to}_r`, to, { perm: [0, 2, 1, 3] }),
  ];
}

const BERT: readonly GraphNode[] = [
  // Words, segments and positions.
  node('Gather', 'words ids', 'e0'),
  ...sizeNodes('ids', 'i1', 't'),
  node('Slice', 'positions v0 t v1', 'at'),
  node('Gather', 'places at', 'e1'),
  node('Add', 'e0 e1', 'e2'),
  node('LayerNormalization', 'e2 gain', 'e', { axis: -1 }),
  // 0 where a token counts, a large negative number elsewhere.
  node('Unsqueeze', 'mask v1', 'm1'),
  node('Unsqueeze', 'm1 v2', 'm2'),
  node('Cast', 'm2', 'm3', { to: 1 }),
  node('Sub', 'one m3', 'm4'),
  node('Mul', 'm4 lowest', 'bias'),
  ...headNodes('e', 'q'),
  ...headNodes('e', 'k'),
  ...headNodes('e', 'v'),
  node('Transpose', 'k', 'kt', { perm: [0, 1, 3, 2] }),
  node('MatMul', 'q kt', 'scores'),
  node('Add', 'scores bias', 'masked'),
  node('Softmax', 'masked', 'shares', { axis: -1 }),
  node('MatMul', 'shares v', 'context'),
  node('Transpose', 'context', 'back', { perm: [0, 2, 1, 3] }),
  ...sizeNodes('back', 'i0', 'bn'),
  ...sizeNodes('back', 'i1', 'bt'),
  node('Concat', 'bn bt v8', 'whole', { axis: 0 }),
  node('Reshape', 'back whole', 'z'),
  // The mean of the tokens that count, as sentence-transformers has it.
  node('Unsqueeze', 'mask last', 'w1'),
  node('Shape', 'z', 'zs'),
  node('Expand', 'w1 zs', 'w2'),
  node('Cast', 'w2', 'w3', { to: 1 }),
  node('Mul', 'z w3', 'counted'),
  node('ReduceSum', 'counted v1', 'sum', { keepdims: 0 }),
  node('ReduceSum', 'w3 v1', 'count', { keepdims: 0 }),
  node('Clip', 'count tiny', 'safe'),
  node('Div', 'sum safe', 'mean'),
  node('LpNormalization', 'mean', 'y', { axis: 1, p: 2 }),
];

/** nn.MultiheadAttention: time in front, batch and heads as one axis, batch and time as one axis. */
const MULTIHEAD: readonly GraphNode[] = [
  node('Transpose', 'x', 'q', { perm: [1, 0, 2] }),
  ...sizeNodes('q', 'i0', 't'),
  ...sizeNodes('q', 'i1', 'n'),
  node('MatMul', 'q w824', 'packed'),
  node('Concat', 't n v3 v8', 's1', { axis: 0 }),
  node('Reshape', 'packed s1', 'p1'),
  node('Unsqueeze', 'p1 v0', 'p2'),
  node('Transpose', 'p2', 'p3', { perm: [3, 1, 2, 0, 4] }),
  node('Squeeze', 'p3 v3', 'p4'),
  node('Gather', 'p4 i0', 'q1', { axis: 0 }),
  node('Gather', 'p4 i1', 'k1', { axis: 0 }),
  node('Mul', 'n v4', 'nh'),
  node('Concat', 't nh v2', 's2', { axis: 0 }),
  node('Reshape', 'q1 s2', 'q2'),
  node('Reshape', 'k1 s2', 'k2'),
  node('Transpose', 'q2', 'q3', { perm: [1, 0, 2] }),
  node('Transpose', 'k2', 'k3', { perm: [1, 2, 0] }),
  node('MatMul', 'q3 k3', 'scores'),
  node('Softmax', 'scores', 'shares', { axis: -1 }),
  node('MatMul', 'shares q3', 'context'),
  node('Transpose', 'context', 'c1', { perm: [1, 0, 2] }),
  node('Mul', 't n', 'tn'),
  node('Concat', 'tn v8', 's3', { axis: 0 }),
  node('Reshape', 'c1 s3', 'c2'),
  node('Gemm', 'c2 w88', 'c3'),
  node('Concat', 't n v8', 's4', { axis: 0 }),
  node('Reshape', 'c3 s4', 'c4'),
  node('Transpose', 'c4', 'y', { perm: [1, 0, 2] }),
];

const WEIGHTS = { ...NUMBERS, w88: weight(8, 8), w824: weight(8, 24) };
const BERT_WEIGHTS = {
  ...WEIGHTS,
  words: weight(30, 8),
  places: weight(16, 8),
  positions: int64s([...Array(16).keys()], [1, 16]),
  gain: weight(8),
  one: floats([1], []),
  lowest: floats([-3e38], []),
  tiny: floats([1e-9], []),
};

testCases('rows', {
  'sentence embeddings of a BERT': [
    { ints: { ids: ['N', 'T'], mask: ['M', 'U'] }, nodes: BERT, constants: BERT_WEIGHTS },
  ],
  'nn.MultiheadAttention': [{ inputs: { x: ['N', 'T', 8] }, nodes: MULTIHEAD, constants: WEIGHTS }],
  'patches of images behind a class token': [
    {
      inputs: { x: ['N', 3, 8, 8] },
      nodes: [
        node('Conv', 'x kernel', 'c', { strides: [4, 4] }),
        ...sizeNodes('c', 'i0', 'n'),
        ...sizeNodes('c', 'i1', 'd'),
        node('Concat', 'n d open', 's', { axis: 0 }),
        node('Reshape', 'c s', 'flat'),
        node('Transpose', 'flat', 'p', { perm: [0, 2, 1] }),
        node('Concat', 'n open open', 'wanted', { axis: 0 }),
        node('ConstantOfShape', 'v3', 'ones', { value: { tensor: int64s([1]) } }),
        node('Mul', 'ones open', 'minus'),
        node('Equal', 'wanted minus', 'is'),
        node('Where', 'is ones wanted', 'expanded'),
        node('Expand', 'token expanded', 'tokens'),
        node('Concat', 'tokens p', 'z', { axis: 1 }),
        node('Add', 'z places', 'e'),
        node('Gather', 'e i0', 'y', { axis: 1 }),
      ],
      constants: { ...NUMBERS, kernel: weight(8, 3, 4, 4), token: weight(1, 1, 8), places: weight(1, 5, 8) },
    },
  ],
  'text in pictures, time in front, with its batch axis named': [
    {
      inputs: { x: ['N', 8, 1, 'W'] },
      axes: { y: 1 },
      nodes: [
        node('Squeeze', 'x v2', 's'),
        node('Transpose', 's', 't', { perm: [2, 0, 1] }),
        node('LSTM', 't w r', 'h', { hidden_size: 2, direction: 'bidirectional' }),
        node('Transpose', 'h', 'u', { perm: [0, 2, 1, 3] }),
        node('Reshape', 'u zeros', 'f'),
        node('Softmax', 'f', 'y', { axis: 2 }),
      ],
      constants: { ...NUMBERS, w: weight(2, 8, 8), r: weight(2, 8, 2), zeros: int64s([0, 0, -1]) },
    },
  ],
});

testCases('mixed', {
  'nn.MultiheadAttention that takes dim 0 for time': [
    { inputs: { x: ['N', 'T', 8] }, nodes: MULTIHEAD.map(swapped), constants: WEIGHTS },
  ],
});

/** Without the transposes at both ends. */
function swapped(of: GraphNode, i: number): GraphNode {
  return i === 0 || i === MULTIHEAD.length - 1 ? { ...of, op: 'Identity', attributes: {} } : of;
}
