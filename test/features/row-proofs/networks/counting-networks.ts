/** Networks that find the run's length by counting, by a loop, or in another graph, and heat their scores by it. */
import { floats, type Graph, type GraphNode, node } from '../../../support/onnx-graph.ts';
import { counted, from, heated, integer, type LengthNetwork, raised, scalar, scaled } from './length-network.ts';

const SCALAR = { type: 'float', dims: [] } as const;
const INTEGER = { type: 'int64', dims: [] } as const;
const YES = { type: 'bool', dims: [], values: [1] } as const;

/** n by the sizes and sums of values that have one element a position. */
const COUNTED: readonly LengthNetwork[] = [
  from(
    257,
    'sum-of-ones',
    heated([node('ReduceSum', 'ones', 's', { keepdims: 0 }), node('GreaterOrEqual', 's kf', 'is_hot')]),
  ),
  from(
    129,
    'ids-equal-ids',
    scaled([
      node('Equal', 'input_ids input_ids', 'e'),
      node('Cast', 'e', 'ef', { to: 1 }),
      node('ReduceSum', 'ef axis1', 'length_of_row', { keepdims: 1 }),
      node('GreaterOrEqual', 'length_of_row kf', 'is_hot'),
      node('Where', 'is_hot warm f1', 'heat'),
      node('Unsqueeze', 'heat axis2', 'factor'),
    ]),
  ),
  from(
    65,
    'cumulative-sum',
    heated([
      node('CumSum', 'ones i0', 'c'),
      node('ReduceMax', 'c', 'm', { keepdims: 0 }),
      node('GreaterOrEqual', 'm kf', 'is_hot'),
    ]),
  ),
  from(33, 'non-zero', heated([node('NonZero', 'ones', 'z'), node('Shape', 'z', 's'), ...second('s')])),
  from(
    100,
    'top-k',
    raised(
      [
        node('Min', 'n_vector most', 'few'),
        node('TopK', 'positionsf few', 'values places_of', { axis: 0 }),
        node('ReduceMin', 'values', 'least', { keepdims: 0 }),
        node('Min', 'least half', 'step'),
      ],
      { most: { type: 'int64', dims: [1], values: [99] } },
    ),
  ),
  from(
    129,
    'arg-max',
    heated([
      node('GreaterOrEqual', 'positions last', 'l'),
      node('Cast', 'l', 'lf', { to: 1 }),
      node('ArgMax', 'lf', 'first', { axis: 0, keepdims: 0 }),
      node('Greater', 'first i0', 'is_hot'),
    ]),
  ),
  from(
    17,
    'one-hot-depth',
    heated(
      [
        node('OneHot', 'n_vector depth off_on', 'o'),
        node('ReduceMax', 'o', 'm', { keepdims: 0 }),
        node('Less', 'm half', 'is_hot'),
      ],
      { depth: integer(17), off_on: floats([0, 1]) },
    ),
  ),
  from(
    257,
    'range-step',
    heated([node('Range', 'i0 n last', 'r'), node('Size', 'r', 's'), node('Greater', 's i1', 'is_hot')]),
  ),
  from(
    65,
    'constant-of-shape',
    scaled(
      [
        node('Max', 'n_vector buffer', 'size'),
        node('ConstantOfShape', 'size', 'b', { value: { tensor: floats([1]) } }),
        node('ReduceMean', 'b', 'mean_of_buffer', { keepdims: 0 }),
        node('ReduceSum', 'b', 'filled', { keepdims: 0 }),
        node('Div', 'filled lastf', 'factor'),
      ],
      { buffer: { type: 'int64', dims: [1], values: [64] } },
    ),
  ),
  from(33, 'eye', raised([...square(), node('EyeLike', 'square', 'e', { k: 32, dtype: 1 }), ...most('e')])),
  from(257, 'triangle', raised([...square(), node('Trilu', 'square last', 't', { upper: 1 }), ...most('t')])),
  from(
    129,
    'unique-blocks',
    heated([node('Div', 'positions last', 'blocks'), node('Unique', 'blocks', 'u'), ...several('Size', 'u')]),
  ),
  from(
    100,
    'split-to-sequence',
    heated([node('SplitToSequence', 'positions last', 'pieces'), ...several('SequenceLength', 'pieces')]),
  ),
  from(
    65,
    'unseen-tokens',
    scaled([
      node('ReduceSum', 'unseen axis1', 'u', { keepdims: 1 }),
      node('GreaterOrEqual', 'u lastf', 'is_hot'),
      node('Where', 'is_hot warm f1', 'heat'),
      node('Unsqueeze', 'heat axis2', 'factor'),
    ]),
  ),
];

function second(vector: string): readonly GraphNode[] {
  return [node('Gather', `${vector} i1`, 'second'), node('GreaterOrEqual', 'second k', 'is_hot')];
}

/** The op counts more than one. A graph whose ranks are not known is not batched at all: the count gets one. */
function several(op: string, value: string): readonly GraphNode[] {
  return [node(op, value, 'some'), node('Reshape', 'some axis1', 'amount'), node('Greater', 'amount i1', 'is_hot')];
}

/** Ones, [n, n]. */
function square(): readonly GraphNode[] {
  return [
    node('Concat', 'n_vector n_vector', 'n_n', { axis: 0 }),
    node('ConstantOfShape', 'n_n', 'square', { value: { tensor: floats([1]) } }),
  ];
}

/** `step` is the largest element. */
function most(matrix: string): readonly GraphNode[] {
  return [node('ReduceMax', matrix, 'step', { keepdims: 0 })];
}

const branch = (nodes: readonly GraphNode[]): { readonly graph: Graph } => ({
  graph: { inputs: {}, outputs: { chosen: SCALAR }, nodes },
});

/** Control flow, and a function of the model's own. */
const NESTED: readonly LengthNetwork[] = [
  from(
    33,
    'if',
    scaled([
      node('If', 'is_long', 'factor', {
        then_branch: branch([node('Log', 'nf', 'chosen')]),
        else_branch: branch([node('Identity', 'f1', 'chosen')]),
      }),
    ]),
  ),
  from(
    65,
    'loop',
    scaled(
      [
        node('Loop', 'n yes f1', 'factor', {
          body: {
            graph: {
              inputs: { i: INTEGER, c: { type: 'bool', dims: [] }, s: SCALAR },
              outputs: { d: { type: 'bool', dims: [] }, t: SCALAR },
              nodes: [
                node('Identity', 'c', 'd'),
                node('GreaterOrEqual', 'i last', 'late'),
                node('Where', 'late more f0', 'plus'),
                node('Add', 's plus', 't'),
              ],
            },
          },
        }),
      ],
      { yes: YES, more: scalar(0.1) },
    ),
  ),
  from(
    129,
    'loop-that-ends',
    counted(
      [
        node('Loop', 'n yes i0', 'rounds', {
          body: {
            graph: {
              inputs: { i: INTEGER, c: { type: 'bool', dims: [] }, s: INTEGER },
              outputs: { d: { type: 'bool', dims: [] }, t: INTEGER },
              nodes: [node('Add', 's i1', 't'), node('Less', 't k', 'd')],
            },
          },
        }),
        node('Div', 'rounds k', 'amount'),
      ],
      { yes: YES },
    ),
  ),
  from(
    129,
    'scan',
    raised(
      [
        node('Scan', 'f0 positionsf', 'step', {
          num_scan_inputs: 1,
          body: {
            graph: {
              inputs: { s: SCALAR, p: SCALAR },
              outputs: { t: SCALAR },
              nodes: [node('Sub', 'p before', 'd'), node('Clip', 'd f0 f1', 'c'), node('Max', 's c', 't')],
            },
          },
        }),
      ],
      { before: scalar(127) },
    ),
  ),
  from(100, 'function', {
    scores: [node('LongScale', 'dots nf lastf', 'scores', {}, 'custom')],
    functions: [
      {
        domain: 'custom',
        name: 'LongScale',
        inputs: ['all', 'length', 'most'],
        outputs: ['scaled'],
        nodes: [node('Max', 'length most', 'm'), node('Div', 'm most', 'q'), node('Mul', 'all q', 'scaled')],
      },
    ],
  }),
];

export const COUNTING_NETWORKS: readonly LengthNetwork[] = [...COUNTED, ...NESTED];
