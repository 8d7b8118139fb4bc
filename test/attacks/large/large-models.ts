/**
 * The models that large bodies are sent to: each gives back little, or what it was sent, and computes next to nothing.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DType } from '../../../src/core/dtype.ts';
import { grpcClient, Neighbour, restClient } from '../../support/neighbour.ts';
import { type OnnxGraph, onnxModel } from '../../support/onnx-model.ts';
import { predictFrame } from '../rows/attack.ts';

/** Elements of one row of the wide models. */
export const WIDTH = 4096;

const GRAPHS: Readonly<Record<string, OnnxGraph>> = {
  /** The neighbour's. */
  small: identity('float32', ['rows']),
  tall: identity('float32', ['rows']),
  wide_float32: firstOf('float32'),
  wide_float64: firstOf('float64'),
  wide_float16: firstOf('float16'),
  wide_int64: firstOf('int64'),
  wide_int32: firstOf('int32'),
  wide_bool: firstOf('bool'),
  text: {
    inputs: [{ name: 'x', dtype: 'string', dims: ['rows', ''] }],
    outputs: [{ name: 'y', dtype: 'int64', dims: ['rank'] }],
    nodes: [{ op: 'Shape', inputs: ['x'], outputs: ['y'] }],
  },
  examples: {
    inputs: [{ name: 'inputs', dtype: 'string', dims: ['rows'] }],
    outputs: [{ name: 'classes', dtype: 'string', dims: ['rows', 1] }],
    nodes: [{ op: 'Unsqueeze', inputs: ['inputs', 'axes'], outputs: ['classes'] }],
    initializers: [{ name: 'axes', dtype: 'int64', dims: [1], data: new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]) }],
  },
  echo_float32: identity('float32', ['rows', WIDTH]),
  echo_int64: identity('int64', ['rows', WIDTH]),
  echo_text: identity('string', ['rows', '']),
};

/** Asks the model "small" over REST and gRPC in turn. Both addresses are "host:port". */
export function startNeighbour({ rest, grpc }: { rest: string; grpc: string }, perSecond: number): Neighbour {
  const clients = [
    restClient(`http://${rest}/v1/models/small:predict`, '{"instances":[1]}'),
    grpcClient(grpc, predictFrame({ model: 'small', rowShape: [] }, 1)),
  ];
  return new Neighbour(clients, { perSecond });
}

/** Writes the models below `directory`; returns their `--model` flags. */
export function writeLargeModels(directory: string): string[] {
  return Object.entries(GRAPHS).map(([name, graph]) => {
    const version = join(directory, name, '1');
    mkdirSync(version, { recursive: true });
    writeFileSync(join(version, 'model.onnx'), onnxModel(graph));
    return `--model=${name}=${join(directory, name)}`;
  });
}

function identity(dtype: DType, dims: readonly (number | string)[]): OnnxGraph {
  return {
    inputs: [{ name: 'x', dtype, dims }],
    outputs: [{ name: 'y', dtype, dims }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  };
}

/** [rows, WIDTH] → [rows, 1]: the first column. */
function firstOf(dtype: DType): OnnxGraph {
  return {
    inputs: [{ name: 'x', dtype, dims: ['rows', WIDTH] }],
    outputs: [{ name: 'y', dtype, dims: ['rows', 1] }],
    nodes: [{ op: 'Gather', inputs: ['x', 'index'], outputs: ['y'], attributes: { axis: 1 } }],
    initializers: [{ name: 'index', dtype: 'int64', dims: [1], data: new Uint8Array(8) }],
  };
}
