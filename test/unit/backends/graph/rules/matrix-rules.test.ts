/** Matrix products: the rows may be on any axis but the one that is summed over. */
import { testCases } from '../../../../support/judge-cases.ts';
import { floats, int64s, node } from '../../../../support/onnx-graph.ts';

const SQUARE = { w: floats(Array(16).fill(1), [4, 4]) };

testCases('rows', {
  'rows times a weight': [{ nodes: [node('MatMul', 'x w', 'y')], constants: SQUARE }],
  'a Gemm with a bias': [
    {
      nodes: [node('Gemm', 'x w b', 'y', { transB: 1 })],
      constants: { ...SQUARE, b: floats([1, 2, 3, 4]) },
    },
  ],
  'a weight times columns of rows': [
    { inputs: { x: [4, 'N'] }, axes: { x: 1, y: 1 }, nodes: [node('MatMul', 'w x', 'y')], constants: SQUARE },
  ],
  'scores of each row': [
    {
      inputs: { x: ['N', 'T', 8], z: ['N', 'U', 8] },
      nodes: [node('Transpose', 'z', 'k', { perm: [0, 2, 1] }), node('MatMul', 'x k', 'y')],
    },
  ],
  'rows times a vector': [{ nodes: [node('MatMul', 'x w', 'y')], constants: { w: floats([1, 2, 3, 4]) } }],
  'an einsum with the rows in front': [
    {
      inputs: { x: ['N', 'T', 8], z: ['N', 'U', 8] },
      nodes: [node('Einsum', 'x z', 'y', { equation: 'bid,bjd->bij' })],
    },
  ],
  'a Gemm that is transposed twice': [
    { inputs: { x: [4, 'N'] }, axes: { x: 1 }, nodes: [node('Gemm', 'x w', 'y', { transA: 1 })], constants: SQUARE },
  ],
});

testCases('mixed', {
  'a sum over rows': [
    { inputs: { x: [4, 'N'], z: ['N', 4] }, axes: { x: 1 }, nodes: [node('MatMul', 'x z', 'y')] },
    /MatMul.*sums over/,
  ],
  'each row with each': [
    { nodes: [node('Transpose', 'x', 't'), node('MatMul', 'x t', 'y')] },
    /each row with every other/,
  ],
  'attention over what is called dim 0': [
    {
      inputs: { x: ['T', 8] },
      nodes: [
        node('Transpose', 'x', 'k'),
        node('MatMul', 'x k', 's'),
        node('Softmax', 's', 'p', { axis: 1 }),
        node('MatMul', 'p x', 'y'),
      ],
    },
    /MatMul/,
  ],
  'a stack of constants, one for each row': [
    {
      inputs: { x: ['N', 4, 4] },
      nodes: [node('MatMul', 'x w', 'y')],
      constants: { w: floats(Array(48).fill(1), [3, 4, 4]) },
    },
    /each of 3 rows/,
  ],
  'a Gemm of transposed rows': [{ nodes: [node('Gemm', 'x x', 'y', { transA: 1 })] }, /sums over/],
  'a bias for each row': [
    { nodes: [node('Gemm', 'x w b', 'y')], constants: { ...SQUARE, b: floats(Array(12).fill(1), [3, 4]) } },
    /each of 3 rows/,
  ],
  'an einsum that sums over rows': [{ nodes: [node('Einsum', 'x', 'y', { equation: 'bi->i' })] }, /sums over/],
  'an einsum of each row with each': [
    { nodes: [node('Einsum', 'x x', 'y', { equation: 'ai,bi->ab' })] },
    /each row with every other/,
  ],
  'an einsum whose output is left out': [{ nodes: [node('Einsum', 'x x', 'y', { equation: 'bi,bj' })] }, /sums over/],
  'a quantized product with a scale for all': [
    {
      nodes: [node('DynamicQuantizeMatMul', 'x w s', 'y', {}, 'com.microsoft')],
      constants: { ...SQUARE, s: floats([1]) },
    },
    /DynamicQuantizeMatMul.*all rows/,
  ],
});

testCases('undecided', {
  'an einsum with an ellipsis': [{ nodes: [node('Einsum', 'x x', 'y', { equation: '...i,...i->...' })] }, /ellipsis/],
});

testCases('undecided', {
  'a product over no elements': [
    { inputs: { x: ['N', 0] }, nodes: [node('MatMul', 'x w', 'y')], constants: { w: floats([], [0, 2]) } },
    /sums over a dim of 0/,
  ],
});

/** A dim of 1 is repeated, so the dim of the result is 5. */
const REPEATED = [node('Einsum', 'x w', 'e', { equation: 'nk,k->nk' }), node('Shape', 'e', 'shape')];

testCases('mixed', {
  'an einsum without its output, whose capital letters come last': [
    { inputs: { x: ['N', 4] }, axes: { y: 1 }, nodes: [node('Einsum', 'x', 'y', { equation: 'bA' })] },
    /rows on axis 0/,
  ],
  'the shape of an einsum that repeats a dim of 1': [
    {
      inputs: { x: ['N', 1], z: ['N', 6] },
      nodes: [
        ...REPEATED,
        ...[node('ReduceProd', 'shape', 'm'), node('Concat', 'm rest', 'target', { axis: 0 })],
        node('Reshape', 'z target', 'y'),
      ],
      constants: { w: floats([1, 2, 3, 4, 5]), rest: int64s([-1]) },
    },
  ],
});
