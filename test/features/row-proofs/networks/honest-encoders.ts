/**
 * Transformers of two layers as libraries export them, whose answers padding does not change: requests of different lengths
 * should share their runs.
 *
 *   ids ─▶ words (+ places) ─▶ [ attention ─▶ + ─▶ norm ─▶ feed forward ─▶ + ─▶ norm ] × 2 ─▶ hidden ─▶ mean of what counts
 */
import {
  floats,
  type GraphModel,
  type GraphNode,
  type GraphTensor,
  int64s,
  node,
} from '../../../support/onnx-graph.ts';
import { used, VOCABULARY, waves } from './masked-encoder.ts';

export interface HonestEncoder {
  /** Its name as a model. */
  readonly name: string;
  /** The longest row that it takes, or of those that are sent to one that takes any. */
  readonly most: number;
  readonly graph: GraphModel;
}

interface Kind {
  /** A table of so many positions is added; ALiBi's distances; rotations. */
  readonly positions: number | 'alibi' | 'rotary';
  /** Tokens count by the input attention_mask, or unless their id is 0. */
  readonly counts: 'mask' | 'ids';
}

const WIDTH = 32;
const HEADS = 2;
const HEAD = WIDTH / HEADS;
const INNER = 64;
const LAYERS = 2;
const TOKENS = { type: 'int64', dims: ['batch', 'sequence'] } as const;

/** A matrix that keeps the size of what it multiplies. */
const matrix = (rows: number, columns: number, seed: number) => waves([rows, columns], seed, 1.2 / Math.sqrt(rows));
const scalar = (value: number) => floats([value], []);

const CONSTANTS: Readonly<Record<string, GraphTensor>> = {
  words: waves([VOCABULARY, WIDTH], 1),
  far: scalar(-10_000),
  f1: scalar(1),
  half: scalar(0.5),
  root2: scalar(Math.SQRT2),
  root_of_head: scalar(Math.sqrt(HEAD)),
  i0: int64s([0], []),
  i1: int64s([1], []),
  axis0: int64s([0]),
  axis1: int64s([1]),
  axis2: int64s([2]),
  between: int64s([1, 2]),
  to_heads: int64s([0, 0, HEADS, HEAD]),
  from_heads: int64s([0, 0, WIDTH]),
  slopes: floats([0.25, 0.0625], [HEADS, 1, 1]),
  speeds: floats(
    Array.from({ length: HEAD / 2 }, (_, i) => 10_000 ** ((-2 * i) / HEAD)),
    [1, HEAD / 2],
  ),
};

function encoder({ positions, counts }: Kind): GraphModel {
  const table = typeof positions === 'number' ? { places: waves([positions, WIDTH], 2, 0.5) } : {};
  const layers = Array.from({ length: LAYERS }, (_, i) => i);
  return {
    inputs: { input_ids: TOKENS, ...(counts === 'mask' && { attention_mask: TOKENS }) },
    outputs: {
      last_hidden_state: { type: 'float', dims: ['batch', 'sequence', WIDTH] },
      pooled: { type: 'float', dims: ['batch', WIDTH] },
    },
    ...used(
      [
        ...lengths(),
        node('Gather', 'words input_ids', 'word', { axis: 0 }),
        ...startOf(positions),
        ...maskOf(counts),
        ...layers.flatMap((layer) => layerOf(layer, positions)),
        node('Identity', `x${LAYERS}`, 'last_hidden_state'),
        node('Unsqueeze', 'mask axis2', 'column'),
        node('Mul', 'last_hidden_state column', 'counted'),
        node('ReduceSum', 'counted axis1', 'sum', { keepdims: 0 }),
        node('ReduceSum', 'mask axis1', 'count', { keepdims: 1 }),
        node('Max', 'count f1', 'divisor'),
        node('Div', 'sum divisor', 'pooled'),
      ],
      Object.assign({ ...CONSTANTS, ...table }, ...layers.map(weightsOf)),
    ),
  };
}

function weightsOf(layer: number): Readonly<Record<string, GraphTensor>> {
  const seed = 10 * (layer + 1);
  const norm = (name: string) => ({
    [`${name}${layer}`]: floats(new Array<number>(WIDTH).fill(1)),
    [`${name}_bias${layer}`]: waves([WIDTH], seed, 0.1),
  });
  return {
    ...Object.fromEntries(['q', 'k', 'v', 'o'].map((name, i) => [`w${name}${layer}`, matrix(WIDTH, WIDTH, seed + i)])),
    [`up${layer}`]: matrix(WIDTH, INNER, seed + 5),
    [`down${layer}`]: matrix(INNER, WIDTH, seed + 6),
    ...norm('norm_a'),
    ...norm('norm_b'),
  };
}

function lengths(): readonly GraphNode[] {
  return [
    node('Shape', 'input_ids', 'shape'),
    node('Gather', 'shape i1', 'n'),
    node('Range', 'i0 n i1', 'positions'),
    node('Cast', 'positions', 'positionsf', { to: 1 }),
  ];
}

/** x0, and what all layers use of the positions. */
function startOf(positions: Kind['positions']): readonly GraphNode[] {
  if (typeof positions === 'number')
    return [node('Gather', 'places positions', 'place', { axis: 0 }), node('Add', 'word place', 'x0')];
  const start = [node('Identity', 'word', 'x0'), node('Unsqueeze', 'positionsf axis1', 'down_positions')];
  if (positions === 'alibi')
    return [
      ...start,
      node('Unsqueeze', 'positionsf axis0', 'across_positions'),
      node('Sub', 'down_positions across_positions', 'apart'),
      node('Abs', 'apart', 'distance'),
      node('Mul', 'distance slopes', 'alibi'),
    ];
  return [
    ...start,
    node('Mul', 'down_positions speeds', 'angles'),
    node('Concat', 'angles angles', 'both_angles', { axis: 1 }),
    node('Cos', 'both_angles', 'cos'),
    node('Sin', 'both_angles', 'sin'),
  ];
}

/** mask [batch, n], what it takes from scores, and which keys weigh anything at all. */
function maskOf(counts: Kind['counts']): readonly GraphNode[] {
  const given = [node('Cast', 'attention_mask', 'mask', { to: 1 })];
  const built = [
    node('Equal', 'input_ids i0', 'is_zero'),
    node('Not', 'is_zero', 'is_token'),
    node('Cast', 'is_token', 'mask', { to: 1 }),
  ];
  return [
    ...(counts === 'mask' ? given : built),
    node('Sub', 'f1 mask', 'unseen'),
    node('Mul', 'unseen far', 'penalty'),
    node('Unsqueeze', 'penalty between', 'penalties'),
    node('Unsqueeze', 'mask between', 'keys_seen'),
  ];
}

function layerOf(i: number, positions: Kind['positions']): readonly GraphNode[] {
  const heads = (name: string) => [
    node('MatMul', `x${i} w${name}${i}`, `${name}_flat${i}`),
    node('Reshape', `${name}_flat${i} to_heads`, `${name}_split${i}`),
    node('Transpose', `${name}_split${i}`, `${name}${i}`, { perm: [0, 2, 1, 3] }),
  ];
  const isRotary = positions === 'rotary';
  const [query, key] = isRotary ? [`q_turned${i}`, `k_turned${i}`] : [`q${i}`, `k${i}`];
  const isFar = positions === 'alibi';
  return [
    ...['q', 'k', 'v'].flatMap(heads),
    ...(isRotary ? [...turned(`q${i}`, query!), ...turned(`k${i}`, key!)] : []),
    node('Transpose', key!, `keys${i}`, { perm: [0, 1, 3, 2] }),
    node('MatMul', `${query} keys${i}`, `dots${i}`),
    node('Div', `dots${i} root_of_head`, `plain${i}`),
    ...(isFar ? [node('Sub', `plain${i} alibi`, `scores${i}`)] : [node('Identity', `plain${i}`, `scores${i}`)]),
    node('Add', `scores${i} penalties`, `masked${i}`),
    node('Softmax', `masked${i}`, `shares${i}`, { axis: 3 }),
    // A row without anything that counts attends to nothing, whatever its length.
    node('Mul', `shares${i} keys_seen`, `weights${i}`),
    node('MatMul', `weights${i} v${i}`, `seen${i}`),
    node('Transpose', `seen${i}`, `side_by_side${i}`, { perm: [0, 2, 1, 3] }),
    node('Reshape', `side_by_side${i} from_heads`, `joined${i}`),
    node('MatMul', `joined${i} wo${i}`, `attended${i}`),
    node('Add', `x${i} attended${i}`, `sum_a${i}`),
    node('LayerNormalization', `sum_a${i} norm_a${i} norm_a_bias${i}`, `y${i}`),
    ...feedForward(i),
    node('LayerNormalization', `sum_b${i} norm_b${i} norm_b_bias${i}`, `x${i + 1}`),
  ];
}

/** GELU by Erf, as exporters write it. */
function feedForward(i: number): readonly GraphNode[] {
  return [
    node('MatMul', `y${i} up${i}`, `inner${i}`),
    node('Div', `inner${i} root2`, `scaled${i}`),
    node('Erf', `scaled${i}`, `erf${i}`),
    node('Add', `erf${i} f1`, `gate${i}`),
    node('Mul', `inner${i} gate${i}`, `gated${i}`),
    node('Mul', `gated${i} half`, `gelu${i}`),
    node('MatMul', `gelu${i} down${i}`, `fed${i}`),
    node('Add', `y${i} fed${i}`, `sum_b${i}`),
  ];
}

/** The halves of each head are rotated against each other, by the position. */
function turned(from: string, to: string): readonly GraphNode[] {
  return [
    node('Split', from, `${from}_first ${from}_second`, { axis: 3 }),
    node('Neg', `${from}_second`, `${from}_minus`),
    node('Concat', `${from}_minus ${from}_first`, `${from}_across`, { axis: 3 }),
    node('Mul', `${from} cos`, `${from}_cos`),
    node('Mul', `${from}_across sin`, `${from}_sin`),
    node('Add', `${from}_cos ${from}_sin`, to),
  ];
}

export const HONEST_ENCODERS: readonly HonestEncoder[] = [
  { name: 'honest-table', most: 512, graph: encoder({ positions: 512, counts: 'mask' }) },
  { name: 'honest-ids', most: 300, graph: encoder({ positions: 300, counts: 'ids' }) },
  { name: 'honest-alibi', most: 512, graph: encoder({ positions: 'alibi', counts: 'mask' }) },
  { name: 'honest-rotary', most: 512, graph: encoder({ positions: 'rotary', counts: 'mask' }) },
];
