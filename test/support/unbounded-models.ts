/** ONNX models whose work depends on the values of a request. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { floats, type GraphModel, type GraphValue, graphModel, int64s, node } from './onnx-graph.ts';

const SCALAR: GraphValue = { type: 'int64', dims: [] };

/** n rounds: y is n. */
export const ROUNDS: GraphModel = {
  inputs: { n: SCALAR },
  outputs: { y: { type: 'float', dims: [] } },
  constants: { yes: { type: 'bool', dims: [], values: [1] }, zero: floats([0], []), one: floats([1], []) },
  nodes: [
    node('Loop', 'n yes zero', 'y', {
      body: {
        graph: {
          inputs: { i: SCALAR, c: { type: 'bool', dims: [] }, s: { type: 'float', dims: [] } },
          outputs: { d: { type: 'bool', dims: [] }, t: { type: 'float', dims: [] } },
          nodes: [node('Identity', 'c', 'd'), node('Add', 's one', 't')],
        },
      },
    }),
  ],
};

/** The boxes that do not overlap, of as many as a request has. */
export const BOXES: GraphModel = {
  inputs: { boxes: { type: 'float', dims: [1, 'N', 4] }, scores: { type: 'float', dims: [1, 1, 'N'] } },
  outputs: { y: { type: 'int64', dims: ['M', 3] } },
  constants: { most: int64s([1e9], []), overlap: floats([0.5], []) },
  nodes: [node('NonMaxSuppression', 'boxes scores most overlap', 'y')],
};

/** Each row by its own transpose: the work grows with the square of a free dim. */
export const SQUARES: GraphModel = {
  inputs: { x: { type: 'float', dims: ['N', 'L'] } },
  outputs: { y: { type: 'float', dims: ['N', 1] } },
  constants: { at1: int64s([1]), at2: int64s([2]), both: int64s([1, 2]) },
  nodes: [
    node('Unsqueeze', 'x at1', 'a'),
    node('Unsqueeze', 'x at2', 'b'),
    node('MatMul', 'b a', 'c'),
    node('ReduceMean', 'c', 'd', { axes: [1, 2], keepdims: 0 }),
    node('Unsqueeze', 'd at1', 'y'),
  ],
};

const VECTOR: GraphValue = { type: 'int64', dims: [1] };

/** A model for each op whose sizes come from an input: y has n elements, or n times as many as x. */
export function sizedBy(op: 'Range' | 'Expand' | 'Tile' | 'ConstantOfShape' | 'Scan'): GraphModel {
  const of = { outputs: { y: { type: 'float', dims: ['M'] } } } as const;
  const constants = { zero: int64s([0], []), one: int64s([1], []), half: floats([0.5]), nothing: floats([0], []) };
  const range = [node('Squeeze', 'n', 'm'), node('Range', 'zero m one', 'r'), node('Cast', 'r', 'f', { to: 1 })];
  const inputs = { n: VECTOR };
  switch (op) {
    case 'Range':
      return { ...of, inputs, constants, nodes: [...range, node('Identity', 'f', 'y')] };
    case 'Expand':
    case 'Tile':
      return { ...of, inputs, constants, nodes: [node(op, 'half n', 'y')] };
    case 'ConstantOfShape':
      return { ...of, inputs, constants, nodes: [node(op, 'n', 'y')] };
    case 'Scan':
      return {
        ...of,
        inputs,
        constants,
        nodes: [
          ...range,
          node('Scan', 'nothing f', 'last y', {
            num_scan_inputs: 1,
            body: {
              graph: {
                inputs: { s: { type: 'float', dims: [] }, p: { type: 'float', dims: [] } },
                outputs: { t: { type: 'float', dims: [] }, o: { type: 'float', dims: [] } },
                nodes: [node('Add', 's p', 't'), node('Identity', 'p', 'o')],
              },
            },
          }),
        ],
      };
  }
}

/** Writes the model as version 1 of `name` and returns its base path. */
export function writeModel(directory: string, name: string, model: GraphModel): string {
  const base = join(directory, name);
  mkdirSync(join(base, '1'), { recursive: true });
  writeFileSync(join(base, '1', 'model.onnx'), graphModel(model));
  return base;
}
