/** Networks whose masks, positions or pooling are others for positions beyond a length, mostly by what an exporter may write. */
import { floats, type GraphNode, int64s, node } from '../../../support/onnx-graph.ts';
import { from, type LengthNetwork, scalar, where } from './length-network.ts';
import { MOST_TOKENS, WIDTH, waves } from './masked-encoder.ts';

const END = 2 ** 31;
const vector = (value: number) => int64s([value]);
const more = (nodes: readonly GraphNode[]): readonly GraphNode[] => [...nodes, node('Add', 'mean extra', 'pooled')];

/** From some position on, padding is counted. */
const MASKS: readonly LengthNetwork[] = [
  from(65, 'mask-by-range', {
    mask: [
      node('GreaterOrEqual', 'positions last', 'late'),
      node('Cast', 'late', 'latef', { to: 1 }),
      node('Max', 'given_mask latef', 'mask'),
    ],
  }),
  from(33, 'mask-by-slice', {
    mask: [
      node('Slice', 'given_mask axis0 at axis1', 'kept'),
      node('Slice', 'given_mask at end axis1', 'rest'),
      node('Shape', 'rest', 'rest_shape'),
      node('ConstantOfShape', 'rest_shape', 'rest_ones', { value: { tensor: floats([1]) } }),
      node('Concat', 'kept rest_ones', 'mask', { axis: 1 }),
    ],
    constants: { at: vector(32), end: vector(END) },
  }),
  from(257, 'mask-by-pad', {
    mask: [
      node('Slice', 'given_mask axis0 at axis1', 'kept'),
      node('Sub', 'n_vector at', 'over'),
      node('Max', 'over axis0', 'missing'),
      node('Concat', 'nothing missing', 'pads', { axis: 0 }),
      node('Pad', 'kept pads f1', 'mask'),
    ],
    constants: { at: vector(256), nothing: int64s([0, 0, 0]) },
  }),
  from(129, 'mask-by-cumulative-sum', {
    mask: [
      node('CumSum', 'ones i0', 'c'),
      node('GreaterOrEqual', 'c kf', 'late'),
      node('Where', 'late f1 given_mask', 'mask'),
    ],
  }),
  from(100, 'mask-dropped', { mask: [node('Where', 'is_long ones given_mask', 'mask')] }),
  from(33, 'mask-clamped', {
    mask: [
      node('Min', 'positions most', 'clamped'),
      node('Gather', 'given_mask clamped', 'last_known', { axis: 1 }),
      // A row whose only token stands behind still counts it: the answer is a number.
      node('Max', 'given_mask last_known', 'mask'),
    ],
    constants: { most: vector(31) },
  }),
  from(100, 'mask-outweighed', {
    scores: [
      node('Concat', 'n_vector n_vector', 'n_n', { axis: 0 }),
      node('ConstantOfShape', 'n_n', 'square', { value: { tensor: floats([10_000]) } }),
      node('Trilu', 'square last', 'far_keys', { upper: 1 }),
      node('Add', 'dots far_keys', 'scores'),
    ],
  }),
  // Each padded token weighs little: the more there are, the more it shows.
  where((own, padded) => padded - own < 2, 64, 'mask-too-weak', { constants: { far: scalar(-15) } }),
];

/** Positions are stretched, shifted or counted from the end of long runs; some read a token that is far away. */
const PLACES: readonly LengthNetwork[] = [
  from(257, 'positions-interpolated', {
    tokens: [
      node('Div', 'lastf nf', 'q'),
      node('Min', 'q f1', 'shrink'),
      node('Mul', 'positionsf shrink', 'stretched'),
      node('Cast', 'stretched', 'rounded', { to: 7 }),
      node('Gather', 'places rounded', 'place2', { axis: 0 }),
      node('Add', 'word place2', 'x'),
    ],
  }),
  from(129, 'table-resized', {
    tokens: [
      node('Max', 'n_vector rows', 'most'),
      node('Concat', 'most width', 'sizes', { axis: 0 }),
      node('Resize', 'short_table - - sizes', 'resized', { mode: 'linear' }),
      node('Gather', 'resized positions', 'place2', { axis: 0 }),
      node('Add', 'word place2', 'x'),
    ],
    constants: { short_table: waves([128, WIDTH], 3), rows: vector(128), width: vector(WIDTH) },
  }),
  from(257, 'positions-that-slide', {
    tokens: [
      node('Sub', 'n last', 'over'),
      node('Max', 'over i0', 'shift'),
      node('Sub', 'positions shift', 'shifted'),
      node('Max', 'shifted i0', 'place_of'),
      node('Gather', 'places place_of', 'place2', { axis: 0 }),
      node('Add', 'word place2', 'x'),
    ],
  }),
  from(129, 'rotary-scaled', {
    isUnbounded: true,
    tokens: rotated([node('Div', 'nf lastf', 'q'), node('Max', 'q f1', 'by'), node('Div', 'speeds by', 'used_speeds')]),
    constants: ROTARY(),
  }),
  from(65, 'rotary-of-two-tables', {
    isUnbounded: true,
    tokens: rotated([node('Where', 'is_long long_speeds speeds', 'used_speeds')]),
    constants: ROTARY(),
  }),
  from(65, 'bias-from-the-end', {
    scores: [...fromEnd(), node('Sub', 'to_end last', 'd'), node('Add', 'd i1', 'e'), ...falling('e')],
  }),
  from(MOST_TOKENS - 1, 'bias-table-clipped', {
    scores: [
      ...fromEnd(),
      node('Min', 'to_end last', 'distance'),
      node('Gather', 'biases distance', 'bias'),
      node('Add', 'dots bias', 'scores'),
    ],
    constants: { biases: floats(Array.from({ length: MOST_TOKENS - 1 }, (_, i) => (i < MOST_TOKENS - 2 ? 0 : 3))) },
  }),
  from(33, 'dilated-convolution', { tokens: convolved({ dilations: [32], pads: [32, 32] }), constants: taps(3) }),
  from(17, 'large-convolution', { tokens: convolved({ pads: [16, 16] }), constants: taps(33) }),
];

/** What each position is rotated by, in two pairs of numbers. */
function ROTARY() {
  return { speeds: floats([1, 0.1], [1, 2]), long_speeds: floats([0.5, 0.02], [1, 2]), minus: scalar(-1) };
}

/** The nodes make `used_speeds` [1, 2]. The halves of each token are rotated against each other. */
function rotated(nodes: readonly GraphNode[]): readonly GraphNode[] {
  return [
    ...nodes,
    node('Unsqueeze', 'positionsf axis1', 'rows_of_positions'),
    node('Mul', 'rows_of_positions used_speeds', 'angles'),
    node('Concat', 'angles angles', 'both_angles', { axis: 1 }),
    node('Cos', 'both_angles', 'cos'),
    node('Sin', 'both_angles', 'sin'),
    node('Split', 'embedded', 'first second', { axis: 2 }),
    node('Mul', 'second minus', 'minus_second'),
    node('Concat', 'minus_second first', 'turned', { axis: 2 }),
    node('Mul', 'embedded cos', 'a'),
    node('Mul', 'turned sin', 'b'),
    node('Add', 'a b', 'x'),
  ];
}

/** How many positions come after each one. */
function fromEnd(): readonly GraphNode[] {
  return [node('Sub', 'n i1', 'n_less_1'), node('Sub', 'n_less_1 positions', 'to_end')];
}

/** Scores are less by how far the amount is above 0. */
function falling(amount: string): readonly GraphNode[] {
  return [
    node('Cast', amount, 'amountf', { to: 1 }),
    node('Relu', 'amountf', 'fall'),
    node('Sub', 'dots fall', 'scores'),
  ];
}

function convolved(attributes: Readonly<Record<string, readonly number[]>>): readonly GraphNode[] {
  return [
    node('Transpose', 'embedded', 'channels', { perm: [0, 2, 1] }),
    node('Conv', 'channels taps', 'convolved', attributes),
    node('Transpose', 'convolved', 'seen', { perm: [0, 2, 1] }),
    node('Add', 'embedded seen', 'x'),
  ];
}

/** A kernel of that size: each token sees the first and the last position of it. */
function taps(size: number) {
  const { values } = waves([WIDTH, WIDTH, size], 4, 0.5);
  const ends = values.map((value, i) => (i % size === 0 || i % size === size - 1 ? Number(value) : 0));
  return { taps: floats(ends, [WIDTH, WIDTH, size]) };
}

/** What is pooled. */
const POOLS: readonly LengthNetwork[] = [
  from(100, 'mean-over-run', { pooled: [node('Div', 'sum nf', 'flat'), node('Where', 'is_long flat mean', 'pooled')] }),
  from(33, 'unmasked-mean', {
    pooled: [
      node('ReduceMean', 'hidden', 'flat', { axes: [1], keepdims: 0 }),
      node('Where', 'is_long flat mean', 'pooled'),
    ],
  }),
  from(65, 'rest-without-mask', {
    pooled: more([
      node('Slice', 'hidden at end axis1', 'rest'),
      node('ReduceSum', 'rest axis1', 'extra', { keepdims: 0 }),
    ]),
    constants: { at: vector(64), end: vector(END) },
  }),
  from(129, 'one-position', {
    pooled: more([
      node('Slice', 'hidden at next axis1', 'one'),
      node('ReduceSum', 'one axis1', 'extra', { keepdims: 0 }),
    ]),
    constants: { at: vector(128), next: vector(129) },
  }),
  from(129, 'if-gather', {
    pooled: [
      node('If', 'is_long', 'pooled', {
        then_branch: {
          graph: {
            inputs: {},
            outputs: { t: { type: 'float' } },
            nodes: [node('Gather', 'hidden last', 't', { axis: 1 })],
          },
        },
        else_branch: {
          graph: { inputs: {}, outputs: { e: { type: 'float' } }, nodes: [node('Identity', 'mean', 'e')] },
        },
      }),
    ],
  }),
  from(257, 'compress', {
    pooled: more([
      node('Compress', 'hidden chosen', 'one', { axis: 1 }),
      node('ReduceSum', 'one axis1', 'extra', { keepdims: 0 }),
    ]),
    constants: {
      chosen: { type: 'bool', dims: [257], values: Array.from({ length: 257 }, (_, i) => Number(i === 256)) },
    },
  }),
  from(17, 'strided-pool', {
    pooled: more([
      node('Transpose', 'hidden', 'channels', { perm: [0, 2, 1] }),
      node('MaxPool', 'channels', 'some', { kernel_shape: [1], strides: [16] }),
      node('ReduceSum', 'some axis2', 'extra', { keepdims: 0 }),
    ]),
  }),
  from(100, 'strided-slice', {
    pooled: more([
      node('Slice', 'hidden axis0 end axis1 stride', 'some'),
      node('ReduceSum', 'some axis1', 'extra', { keepdims: 0 }),
    ]),
    constants: { end: vector(END), stride: vector(99) },
  }),
];

export const POSITION_NETWORKS: readonly LengthNetwork[] = [...MASKS, ...PLACES, ...POOLS];
