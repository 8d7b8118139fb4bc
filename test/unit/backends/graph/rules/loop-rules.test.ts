/** Loop and Scan: what is carried from round to round. */
import { testCases } from '../../../../support/judge-cases.ts';
import { floats, type Graph, type GraphNode, int64s, node } from '../../../../support/onnx-graph.ts';

function body(inputs: string, outputs: string, ...nodes: readonly GraphNode[]): { readonly graph: Graph } {
  const values = (names: string) =>
    Object.fromEntries(names.split(' ').map((name) => [name, { type: 'float' } as const]));
  return { graph: { inputs: values(inputs), outputs: values(outputs), nodes } };
}

const POINTS = { points: floats(Array(20).fill(1), [5, 4]) };
const TIMES = { three: int64s([3], []), yes: { type: 'bool', dims: [], values: [1] } } as const;
const STEP = body('i c s', 'd t', node('Identity', 'c', 'd'), node('Tanh', 's', 't'));

testCases('rows', {
  'distances of each row to points': [
    {
      nodes: [
        node('Scan', 'x points', 'same far', {
          num_scan_inputs: 1,
          body: body(
            's p',
            't d',
            node('Identity', 's', 't'),
            node('Sub', 's p', 'e'),
            node('ReduceSumSquare', 'e', 'd', { axes: [1], keepdims: 0 }),
          ),
        }),
        node('Transpose', 'far', 'y'),
      ],
      constants: POINTS,
    },
  ],
  'steps of time, with a state of each row': [
    {
      inputs: { x: ['N', 'T', 4], h: ['N', 4] },
      nodes: [
        node('Scan', 'h x', 'y all', {
          num_scan_inputs: 1,
          scan_input_axes: [1],
          body: body('s p', 't o', node('Add', 's p', 't'), node('Neg', 't', 'o')),
        }),
      ],
    },
  ],
  'three rounds': [{ nodes: [node('Loop', 'three yes x', 'y', { body: STEP })], constants: TIMES }],
  'rows that grow': [
    {
      nodes: [
        node('Loop', 'three yes x', 'y', {
          body: body('i c s', 'd t', node('Identity', 'c', 'd'), node('Concat', 's s', 't', { axis: 1 })),
        }),
      ],
      constants: TIMES,
    },
  ],
});

testCases('mixed', {
  'a state carried along the rows': [
    {
      nodes: [
        node('Scan', 'z x', 'u y', {
          num_scan_inputs: 1,
          body: body('s p', 't o', node('Add', 's p', 't'), node('Neg', 't', 'o')),
        }),
      ],
      constants: { z: floats([0, 0, 0, 0]) },
    },
    /Scan.*carries a state along axis 0/,
  ],
  'a body that mixes': [
    {
      nodes: [
        node('Loop', 'three yes x', 'y', {
          body: body('i c s', 'd t', node('Identity', 'c', 'd'), node('Softmax', 's', 't', { axis: 0 })),
        }),
      ],
      constants: TIMES,
    },
    /Softmax/,
  ],
  'rounds until the rows say so': [
    {
      nodes: [
        node('Loop', 'three yes x', 'y', {
          body: body('i c s', 'd t', node('Cast', 's', 'd', { to: 9 }), node('Tanh', 's', 't')),
        }),
      ],
      constants: TIMES,
    },
    /how many rounds/,
  ],
  'as many rounds as rows': [
    {
      nodes: [node('Shape', 'x', 'all'), node('Gather', 'all zero', 'n'), node('Loop', 'n yes x', 'y', { body: STEP })],
      constants: { ...TIMES, zero: int64s([0], []) },
    },
    /number of rows/,
  ],
});

testCases('undecided', {
  'rows that change their axis from round to round': [
    {
      inputs: { x: ['N', 4, 4] },
      nodes: [
        node('Loop', 'three yes x', 'y', {
          body: body('i c s', 'd t', node('Identity', 'c', 'd'), node('Transpose', 's', 't', { perm: [1, 0, 2] })),
        }),
      ],
      constants: TIMES,
    },
    /not the same kind/,
  ],
});
