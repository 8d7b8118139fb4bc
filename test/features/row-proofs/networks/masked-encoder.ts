/**
 * A small masked encoder of ONNX with parts that can be exchanged: tokens get positions, attend to each other, and are pooled.
 *
 *   input_ids ─▶ embedded ─tokens─▶ x ─▶ dots ─scores─▶ scores ─ mask ─▶ hidden ─▶ mean ─pooled─▶ pooled
 *   attention_mask ─▶ given_mask ─mask─▶ mask
 *
 * As it is, padding changes no answer. A part may also use the values of SHARED; values that nobody uses are left out.
 */
import {
  floats,
  type GraphFunction,
  type GraphModel,
  type GraphNode,
  type GraphTensor,
  int64s,
  node,
} from '../../../support/onnx-graph.ts';

export type Constants = Readonly<Record<string, GraphTensor>>;

/** Each part is nodes from one value to the next; absent = they are the same. */
export interface EncoderParts {
  /** embedded [batch, n, WIDTH] ─▶ x, the same shape. */
  readonly tokens?: readonly GraphNode[];
  /** dots [batch, n, n] ─▶ scores, the same shape. */
  readonly scores?: readonly GraphNode[];
  /** given_mask, float [batch, n] ─▶ mask, the same shape. */
  readonly mask?: readonly GraphNode[];
  /** mean [batch, WIDTH] ─▶ pooled, the same shape. `hidden`, `sum` and `count` are there, too. */
  readonly pooled?: readonly GraphNode[];
  readonly constants?: Constants;
  readonly functions?: readonly GraphFunction[];
  /** There is no table of positions, so rows may have any length. */
  readonly isUnbounded?: boolean;
}

/** Rows of the table of positions: the longest row that an encoder with one takes. */
export const MOST_TOKENS = 300;
export const VOCABULARY = 50;
export const WIDTH = 4;

/** Values without a pattern, the same for the same seed. */
export function waves(dims: readonly number[], seed: number, size = 1): GraphTensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    Array.from({ length: count }, (_, i) => Math.fround(size * Math.sin(seed + i * 1.7 + i * i * 0.013))),
    dims,
  );
}

const scalar = (value: number): GraphTensor => floats([value], []);
const integer = (value: number): GraphTensor => int64s([value], []);

/** The constants of a threshold: k, and k − 1 as `last`, as integers and as floats. */
export function threshold(k: number): Constants {
  return { k: integer(k), kf: scalar(k), last: integer(k - 1), lastf: scalar(k - 1) };
}

const CONSTANTS: Constants = {
  words: waves([VOCABULARY, WIDTH], 1),
  places: waves([MOST_TOKENS, WIDTH], 2, 0.5),
  far: scalar(-10_000),
  f0: scalar(0),
  f1: scalar(1),
  half: scalar(0.5),
  warm: scalar(1.5),
  i0: integer(0),
  i1: integer(1),
  axis0: int64s([0]),
  axis1: int64s([1]),
  axis2: int64s([2]),
};

/** The run's length n, as an integer, as a float, as a vector; positions 0 … n − 1; n ones. */
const SHARED: readonly GraphNode[] = [
  node('Shape', 'input_ids', 'shape'),
  node('Gather', 'shape i1', 'n'),
  node('Cast', 'n', 'nf', { to: 1 }),
  node('Unsqueeze', 'n axis0', 'n_vector'),
  node('Range', 'i0 n i1', 'positions'),
  node('Cast', 'positions', 'positionsf', { to: 1 }),
  node('Expand', 'f1 n_vector', 'ones'),
  node('GreaterOrEqual', 'n k', 'is_long'),
];

const TOKENS = { type: 'int64', dims: ['batch', 'sequence'] } as const;

export function maskedEncoder(parts: EncoderParts = {}): GraphModel {
  const { isUnbounded = false, tokens = same('embedded', 'x'), scores = same('dots', 'scores') } = parts;
  const { mask = same('given_mask', 'mask'), pooled = same('mean', 'pooled') } = parts;
  const places = [node('Gather', 'places positions', 'place', { axis: 0 }), node('Add', 'word place', 'embedded')];
  const nodes = [
    ...SHARED,
    node('Cast', 'attention_mask', 'given_mask', { to: 1 }),
    ...mask,
    node('Sub', 'f1 mask', 'unseen'),
    node('Mul', 'unseen far', 'penalty'),
    node('Unsqueeze', 'penalty axis1', 'penalties'),
    node('Gather', 'words input_ids', 'word', { axis: 0 }),
    ...(isUnbounded ? same('word', 'embedded') : places),
    ...tokens,
    node('Transpose', 'x', 'xt', { perm: [0, 2, 1] }),
    node('MatMul', 'x xt', 'dots'),
    ...scores,
    node('Add', 'scores penalties', 'masked'),
    node('Softmax', 'masked', 'weights', { axis: 2 }),
    node('MatMul', 'weights x', 'hidden'),
    node('Identity', 'hidden', 'last_hidden_state'),
    node('Unsqueeze', 'mask axis2', 'column'),
    node('Mul', 'hidden column', 'counted'),
    node('ReduceSum', 'counted axis1', 'sum', { keepdims: 0 }),
    node('ReduceSum', 'mask axis1', 'count', { keepdims: 1 }),
    node('Div', 'sum count', 'mean'),
    ...pooled,
  ];
  return {
    inputs: { input_ids: TOKENS, attention_mask: TOKENS },
    outputs: {
      last_hidden_state: { type: 'float', dims: ['batch', 'sequence', WIDTH] },
      pooled: { type: 'float', dims: ['batch', WIDTH] },
    },
    ...used(nodes, { ...CONSTANTS, ...parts.constants }),
    functions: parts.functions ?? [],
  };
}

function same(from: string, to: string): readonly GraphNode[] {
  return [node('Identity', from, to)];
}

/** The nodes and constants that these outputs need. */
export function used(nodes: readonly GraphNode[], constants: Constants): Pick<GraphModel, 'nodes' | 'constants'> {
  const wanted = new Set(['last_hidden_state', 'pooled']);
  const needed: GraphNode[] = [];
  for (const each of [...nodes].reverse()) {
    if (!each.outputs.some((name) => wanted.has(name))) continue;
    needed.push(each);
    for (const name of namesIn(each)) wanted.add(name);
  }
  return {
    nodes: needed.reverse(),
    constants: Object.fromEntries(Object.entries(constants).filter(([name]) => wanted.has(name))),
  };
}

/** The inputs of a node and of the nodes in its graphs, which may be values of the graph around them. */
function namesIn({ inputs, attributes = {} }: GraphNode): readonly string[] {
  const inner = Object.values(attributes).flatMap((value) =>
    typeof value === 'object' && 'graph' in value
      ? [...value.graph.nodes.flatMap(namesIn), ...Object.keys(value.graph.outputs)]
      : [],
  );
  return [...inputs, ...inner];
}
