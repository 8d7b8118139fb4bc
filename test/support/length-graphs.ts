/** Graphs of rows of any length, for tests of what their graphs tell of it: x [batch, n, 4], ids [batch, n]. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { LengthReading } from '../../src/backends/backend.ts';
import { readLengths } from '../../src/backends/onnx/graph/lengths/read-lengths.ts';
import { floats, type GraphModel, type GraphNode, type GraphTensor, graphModel, int64s, node } from './onnx-graph.ts';
import { tempDirectory } from './temp-directory.ts';

export type Case = Partial<GraphModel> & { readonly nodes: readonly GraphNode[] };

export const scalar = (value: number): GraphTensor => int64s([value], []);
export const real = (value: number): GraphTensor => floats([value], []);
export const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => Math.sin(i));

export const CONSTANTS = {
  i0: scalar(0),
  i1: scalar(1),
  i2: scalar(2),
  i8: scalar(8),
  i40: scalar(40),
  i60: scalar(60),
  i80: scalar(80),
  i512: scalar(512),
  minus: scalar(-1),
  v0: int64s([0]),
  v1: int64s([1]),
  v2: int64s([2]),
  v12: int64s([1, 2]),
  v40: int64s([40]),
  far: int64s([Number.MAX_SAFE_INTEGER]),
  f0: real(0),
  f1: real(1),
  f2: real(2),
  f6: real(6),
  f25: real(25),
  f40: real(40),
  f80: real(80),
  f1000: real(1000),
  one: floats([1]),
  tiny: real(1e-9),
  lowest: real(-3.4028234663852886e38),
  table: floats(numbers(512 * 4), [512, 4]),
  list: floats(numbers(100)),
  weights: floats(numbers(1024 * 1024).slice(0, 16), [4, 4]),
  slopes: floats([0.5, 0.25, 0.125, 0.0625], [4, 1, 1]),
} as const;

/** n = the length as an integer, f = as a float, v = as a vector. */
export const N = [
  node('Shape', 'x', 'dims'),
  node('Gather', 'dims i1', 'n', { axis: 0 }),
  node('Cast', 'n', 'f', { to: 1 }),
  node('Unsqueeze', 'n v0', 'v'),
];
/** p = the positions. */
export const P = [...N, node('Range', 'i0 n i1', 'p'), node('Cast', 'p', 'pf', { to: 1 })];
/** Ones, as many as a row is long. */
export const ONES = [...N, node('ConstantOfShape', 'v', 'ones', { value: { tensor: floats([1]) } })];

export async function readingOf(t: TestContext, model: Case): Promise<LengthReading> {
  const file = join(tempDirectory(t), 'model.onnx');
  const value = { type: 'float', dims: ['batch', 'n', 4] } as const;
  await writeFile(
    file,
    graphModel({
      ...{ inputs: { x: value, ids: { type: 'int64', dims: ['batch', 'n'] } }, outputs: { y: { type: 'float' } } },
      ...model,
      constants: { ...CONSTANTS, ...model.constants },
    }),
  );
  return readLengths(file);
}

/** The last node makes y of the condition c. */
export const CHOOSE = [node('Cast', 'c', 'd', { to: 1 }), node('Mul', 'x d', 'y')];

/** Fails unless the graph is read and gives each of these lengths, and not many others. */
export async function checkLengths(t: TestContext, at: readonly number[], model: Case): Promise<void> {
  const reading = await readingOf(t, model);
  assert.equal(reading.kind, 'read', reading.kind === 'unread' ? reading.reason : '');
  const { lengths } = reading as Extract<LengthReading, { kind: 'read' }>;
  for (const length of at) assert.ok(lengths.includes(length), `${length} is not among ${lengths.join(', ')}`);
  assert.ok(lengths.length <= 20, lengths.join(', '));
}
