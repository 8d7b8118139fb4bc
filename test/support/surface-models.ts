/**
 * The models that the surface contract is run on, made by construction and written as
 * `<directory>/<name>/1/model.onnx`:
 *
 * | name            | inputs                       | does                                                        |
 * |-----------------|------------------------------|-------------------------------------------------------------|
 * | float           | x float32 [batch,4]          | y = x                                                       |
 * | affine          | x float32 [batch,4]          | y = 2x + 1                                                  |
 * | int64, string, bool, int32, float64, uint8 | x [batch,2] | y = x                                                |
 * | pair            | a float32, b int64 [batch,2] | sum = a, count = b                                          |
 * | one             | x float32 [1,4]              | y = x; a batch is exactly one row                           |
 * | whole           | x float32 [n,n]              | y = x transposed: dim 0 is no batch                         |
 * | examples        | x float32 [batch,4]          | y = 2x + 1, total = Σx; EXAMPLES_FILE declares signatures   |
 * | slow            | x float32 [batch,1]          | y = x, after SLOW_PRODUCTS products of 512 × 512 matrices   |
 *
 * `slow` is slow because of what it computes, not because it waits: a product is 268 MFLOP, and each needs the one
 * before it and in the end the input, so no optimizer can take them out. Their factor is a matrix of zeros: y is x.
 */
import { Buffer } from 'node:buffer';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DType } from '../../src/core/dtype.ts';
import { type OnnxDim, type OnnxGraph, type OnnxNode, type OnnxValue, onnxModel } from './onnx-model.ts';

/** A run of `slow` takes this many times a few ms. */
const SLOW_PRODUCTS = 80;
const SLOW_SIDE = 512;

/** The dtypes that have a model named after them, beside `float`. */
export const IDENTITY_DTYPES = ['int64', 'string', 'bool', 'int32', 'float64', 'uint8'] as const;

/** Writes them all, or those named; the result are the `--model` arguments. */
export function writeSurfaceModels(directory: string, names: readonly string[] = Object.keys(GRAPHS)): string[] {
  return names.map((name) => {
    const version = join(directory, name, '1');
    mkdirSync(version, { recursive: true });
    writeFileSync(join(version, 'model.onnx'), onnxModel(GRAPHS[name]!));
    const file = MODEL_FILES[name];
    if (file !== undefined) writeFileSync(join(version, 'pillion.yaml'), file);
    return `--model=${name}=${join(directory, name)},label.stable=1`;
  });
}

function identity(dtype: DType, dims: readonly OnnxDim[]): OnnxGraph {
  return {
    inputs: [{ name: 'x', dtype, dims }],
    outputs: [{ name: 'y', dtype, dims }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  };
}

function float32Bytes(...values: readonly number[]): Uint8Array {
  return Buffer.from(Float32Array.from(values).buffer);
}

function affine(): OnnxGraph {
  return {
    ...identity('float32', ['batch', 4]),
    nodes: [
      { op: 'Mul', inputs: ['x', 'two'], outputs: ['doubled'] },
      { op: 'Add', inputs: ['doubled', 'unit'], outputs: ['y'] },
    ],
    initializers: [
      { name: 'two', dtype: 'float32', dims: [1], data: float32Bytes(2) },
      { name: 'unit', dtype: 'float32', dims: [1], data: float32Bytes(1) },
    ],
  };
}

/** The declarations of `examples` beside its graph. */
const EXAMPLES_FILE = `
signatures:
  classify:
    method: classify
    features: { x: x }
    outputs: { scores: y }
    labels: [a, b, c, d]
  regress:
    method: regress
    features: { x: x }
    outputs: { outputs: total }
  filled:
    method: regress
    features: { value: { input: x, default: 0.5 } }
    outputs: { outputs: total }
  renamed:
    method: predict
    inputs: { pixels: x }
    outputs: { affine: y }
    defaults: { pixels: [1, 2, 3, 4] }
`;

function examples(): OnnxGraph {
  const graph = affine();
  return {
    ...graph,
    outputs: [...graph.outputs, { name: 'total', dtype: 'float32', dims: ['batch', 1] }],
    nodes: [
      ...graph.nodes,
      { op: 'ReduceSum', inputs: ['x', 'axes'], outputs: ['total'], attributes: { keepdims: 1 } },
    ],
    initializers: [
      ...graph.initializers!,
      { name: 'axes', dtype: 'int64', dims: [1], data: Buffer.from(BigInt64Array.of(1n).buffer) },
    ],
  };
}

function pair(): OnnxGraph {
  const value = (name: string, dtype: DType): OnnxValue => ({ name, dtype, dims: ['batch', 2] });
  return {
    inputs: [value('a', 'float32'), value('b', 'int64')],
    outputs: [value('sum', 'float32'), value('count', 'int64')],
    nodes: [
      { op: 'Identity', inputs: ['a'], outputs: ['sum'] },
      { op: 'Identity', inputs: ['b'], outputs: ['count'] },
    ],
  };
}

function transposed(): OnnxGraph {
  return {
    ...identity('float32', ['n', 'n']),
    nodes: [{ op: 'Transpose', inputs: ['x'], outputs: ['y'], attributes: { perm: [1, 0] } }],
  };
}

/** total = Σx; m0 = 0·total; m(i+1) = m(i) × 0; y = x + Σm. */
export function slowGraph(products = SLOW_PRODUCTS): OnnxGraph {
  const nodes: OnnxNode[] = [
    { op: 'ReduceSum', inputs: ['x'], outputs: ['total'], attributes: { keepdims: 0 } },
    { op: 'Mul', inputs: ['zeros', 'total'], outputs: ['m0'] },
  ];
  for (let i = 0; i < products; i++) {
    nodes.push({ op: 'MatMul', inputs: [`m${i}`, 'zeros'], outputs: [`m${i + 1}`] });
  }
  nodes.push(
    { op: 'ReduceSum', inputs: [`m${products}`], outputs: ['nothing'], attributes: { keepdims: 0 } },
    { op: 'Add', inputs: ['x', 'nothing'], outputs: ['y'] },
  );
  const zeros = new Uint8Array(4 * SLOW_SIDE * SLOW_SIDE);
  return {
    ...identity('float32', ['batch', 1]),
    nodes,
    initializers: [{ name: 'zeros', dtype: 'float32', dims: [SLOW_SIDE, SLOW_SIDE], data: zeros }],
  };
}

/** The pillion.yaml beside a model. The sum over all rows in `slow` is multiplied by 0, which no proof knows. */
const MODEL_FILES: Readonly<Record<string, string>> = {
  examples: EXAMPLES_FILE,
  slow: 'batching: { inputs: { x: { batch_axis: 0 } } }',
};

const GRAPHS: Readonly<Record<string, OnnxGraph>> = {
  float: identity('float32', ['batch', 4]),
  affine: affine(),
  examples: examples(),
  ...Object.fromEntries(IDENTITY_DTYPES.map((dtype) => [dtype, identity(dtype, ['batch', 2])])),
  pair: pair(),
  one: identity('float32', [1, 4]),
  whole: transposed(),
  slow: slowGraph(),
};
