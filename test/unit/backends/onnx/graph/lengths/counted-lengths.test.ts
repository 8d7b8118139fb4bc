/** The lengths at which a network's arithmetic may change: where it counts its tokens, or knows the last one's place. */
import { test } from 'node:test';
import { type Case, CHOOSE, checkLengths, ONES, P, real } from '../../../../../support/length-graphs.ts';
import { node } from '../../../../../support/onnx-graph.ts';

/** Each has to give the length from which on the arithmetic is another. */
const ROADS: Readonly<Record<string, readonly [at: readonly number[], model: Case]>> = {
  'ones that are counted': [
    [41],
    {
      nodes: [
        ...ONES,
        node('ReduceSum', 'ones v0', 's'),
        node('Mul', 's f2', 'm'),
        node('Greater', 'm f80', 'c'),
        ...CHOOSE,
      ],
    },
  ],
  'ones that are multiplied': [
    [41],
    {
      nodes: [
        ...ONES,
        node('MatMul', 'ones ones', 's'),
        node('Mul', 's f2', 'm'),
        node('Greater', 'm f80', 'c'),
        ...CHOOSE,
      ],
    },
  ],
  'ones that are summed up': [
    [41],
    { nodes: [...ONES, node('CumSum', 'ones i0', 's'), node('Mul', 's f2', 'm'), node('Greater', 'm f80', 'c')] },
  ],
  'tokens that are counted': [
    [41],
    {
      nodes: [
        node('Equal', 'ids ids', 'e'),
        node('Cast', 'e', 'ef', { to: 1 }),
        node('ReduceSum', 'ef v1', 's', { keepdims: 0 }),
        node('Mul', 's f2', 'm'),
        node('Greater', 'm f80', 'c'),
      ],
    },
  ],
  'hidden states that are counted': [
    [41],
    {
      nodes: [
        node('Softmax', 'x', 'h', { axis: -1 }),
        node('LayerNormalization', 'h slopes', 'l'),
        node('Mul', 'l f0', 'z'),
        node('Add', 'z f1', 'o'),
        node('ReduceSum', 'o v1', 's', { keepdims: 0 }),
        node('Mul', 's f2', 'm'),
        node('Greater', 'm f80', 'c'),
      ],
    },
  ],
  'the share of a token': [
    [40],
    {
      constants: { share: real(0.025) },
      nodes: [
        node('Mul', 'x f0', 'z'),
        node('Softmax', 'z', 'w', { axis: 1 }),
        node('Less', 'w share', 'c'),
        ...CHOOSE,
      ],
    },
  ],
  'the place of the largest': [
    [42],
    {
      nodes: [
        ...P,
        node('Mul', 'ids i0', 'z'),
        node('Add', 'z p', 'q'),
        node('ArgMax', 'q', 'at', { axis: 1 }),
        node('Mul', 'at i2', 'm'),
        node('Greater', 'm i80', 'c'),
      ],
    },
  ],
  'the size of the input': [
    [11],
    { nodes: [node('Size', 'ids', 's'), node('Mul', 's i8', 'm'), node('Greater', 'm i80', 'c')] },
  ],
  'the last position': [
    [42],
    {
      nodes: [
        ...P,
        node('ReduceMax', 'p', 'last', { keepdims: 0 }),
        node('Mul', 'last i2', 'm'),
        node('Greater', 'm i80', 'c'),
        ...CHOOSE,
      ],
    },
  ],
  'places of ones': [
    [42],
    { nodes: [...ONES, node('NonZero', 'ones', 'z'), node('Mul', 'z i2', 'm'), node('Greater', 'm i80', 'c')] },
  ],
};

for (const [name, [at, model]] of Object.entries(ROADS)) {
  test(`lengths are found through what counts the tokens: ${name}`, (t) => checkLengths(t, at, model));
}
