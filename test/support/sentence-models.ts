/** ONNX models of sequences, as sentence encoders are: tokens are embedded, attend to each other, and are pooled. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { floats, type Graph, graphModel, int64s, node } from './onnx-graph.ts';

const VOCABULARY = 50;
const WIDTH = 8;

const CONSTANTS = {
  table: floats(
    Array.from({ length: VOCABULARY * WIDTH }, (_, i) => Math.fround(Math.sin(1 + i * 0.7))),
    [VOCABULARY, WIDTH],
  ),
  one: floats([1]),
  far: floats([-10_000]),
  axis1: int64s([1]),
  axis2: int64s([2]),
};

const TOKENS = { type: 'int64', dims: ['batch', 'sequence'] } as const;
const POOLED = { type: 'float', dims: ['batch', WIDTH] } as const;

/** The names of the dims of `hidden`. */
function encoder(hidden: readonly (string | number)[]): Graph {
  return {
    inputs: { input_ids: TOKENS, attention_mask: TOKENS },
    outputs: { last_hidden_state: { type: 'float', dims: hidden }, pooled: POOLED },
    constants: CONSTANTS,
    nodes: [
      node('Gather', 'table input_ids', 'x', { axis: 0 }),
      node('Cast', 'attention_mask', 'mask', { to: 1 }),
      node('Transpose', 'x', 'xt', { perm: [0, 2, 1] }),
      node('MatMul', 'x xt', 'scores'),
      node('Sub', 'one mask', 'hidden_tokens'),
      node('Mul', 'hidden_tokens far', 'penalty'),
      node('Unsqueeze', 'penalty axis1', 'penalties'),
      node('Add', 'scores penalties', 'masked'),
      node('Softmax', 'masked', 'weights', { axis: 2 }),
      node('MatMul', 'weights x', 'last_hidden_state'),
      node('Unsqueeze', 'mask axis2', 'column'),
      node('Mul', 'last_hidden_state column', 'counted'),
      node('ReduceSum', 'counted axis1', 'sum', { keepdims: 0 }),
      node('ReduceSum', 'mask axis1', 'count', { keepdims: 1 }),
      node('Div', 'sum count', 'pooled'),
    ],
  };
}

/** The mean of all tokens, whatever a mask would say. */
const UNMASKED: Graph = {
  inputs: { input_ids: TOKENS },
  outputs: { pooled: POOLED },
  constants: CONSTANTS,
  nodes: [
    node('Gather', 'table input_ids', 'x', { axis: 0 }),
    node('ReduceMean', 'x', 'pooled', { axes: [1], keepdims: 0 }),
  ],
};

/** The sum of frames of sound: zeros change nothing, but nothing says that they may be added. */
const FRAMES: Graph = {
  inputs: { frames: { type: 'float', dims: ['batch', 'time', 4] } },
  outputs: { energy: { type: 'float', dims: ['batch', 4] } },
  constants: CONSTANTS,
  nodes: [node('ReduceSum', 'frames axis1', 'energy', { keepdims: 0 })],
};

export const SENTENCE_MODELS = {
  encoder: encoder(['batch', 'sequence', WIDTH]),
  unnamed: encoder(['batch', 'tokens', WIDTH]),
  unmasked: UNMASKED,
  frames: FRAMES,
} as const satisfies Readonly<Record<string, Graph>>;

/** Writes version 1 of the model into the directory, with this pillion.yaml beside it. */
export function writeSentenceModel(directory: string, graph: Graph, yaml?: string): void {
  const version = join(directory, '1');
  mkdirSync(version, { recursive: true });
  writeFileSync(join(version, 'model.onnx'), graphModel(graph));
  if (yaml !== undefined) writeFileSync(join(version, 'pillion.yaml'), yaml);
}
