/** Writes models of a Triton repository: graphs, and the entries of config.pbtxt. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DType } from '../../../../src/core/dtype.ts';
import {
  type OnnxDim,
  type OnnxInitializer,
  type OnnxNode,
  type OnnxValue,
  onnxModel,
} from '../../../support/onnx-model.ts';

/** Triton's datatypes, and ours. */
export const TYPES: Readonly<Record<string, DType>> = {
  ...{ BOOL: 'bool', INT8: 'int8', INT16: 'int16', INT32: 'int32', INT64: 'int64' },
  ...{ UINT8: 'uint8', UINT16: 'uint16', UINT32: 'uint32', UINT64: 'uint64' },
  ...{ FP16: 'float16', FP32: 'float32', FP64: 'float64', BYTES: 'string' },
};

export const ORT = 'backend: "onnxruntime"\n';
export const PLATFORM = 'platform: "onnxruntime_onnx"\n';

/** Name, Triton's datatype, dims, and more of the entry of config.pbtxt. */
export type Tensor = readonly [name: string, datatype: string, dims: readonly number[], more?: string];

export interface Graph {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers?: readonly OnnxInitializer[];
}

export class Writer {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  file(model: string, path: string, content: string | Uint8Array): void {
    const file = join(this.#directory, model, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, content);
  }

  graph(model: string, graph: Graph, version = 1): void {
    this.file(model, `${version}/model.onnx`, onnxModel(graph));
  }

  config(model: string, text: string): void {
    this.file(model, 'config.pbtxt', text);
  }

  emptyVersion(model: string): void {
    mkdirSync(join(this.#directory, model, '1'), { recursive: true });
  }
}

export function value(name: string, dtype: DType, dims: readonly OnnxDim[]): OnnxValue {
  return { name, dtype, dims };
}

export function node(op: string, inputs: string, outputs: string, attributes: OnnxNode['attributes'] = {}): OnnxNode {
  return { op, inputs: inputs.split('|'), outputs: outputs.split('|'), attributes };
}

export function floats(name: string, dims: readonly number[], ...data: readonly number[]): OnnxInitializer {
  return { name, dtype: 'float32', dims, data: new Uint8Array(Float32Array.from(data).buffer) };
}

export function entries(side: 'input' | 'output', ...tensors: readonly Tensor[]): string {
  const texts = tensors.map(([name, datatype, dims, more = '']) => {
    const type = datatype === 'BYTES' ? 'STRING' : datatype;
    return `{ name: "${name}" data_type: TYPE_${type} dims: [ ${dims.join(', ')} ] ${more} }`;
  });
  return `${side} [ ${texts.join(', ')} ]\n`;
}

export function identity(name: string, dtype: DType, dims: readonly OnnxDim[] = ['b', 'n']): Graph {
  const [from, to] = name.split('|') as [string, string];
  return { nodes: [node('Identity', from, to)], inputs: [value(from, dtype, dims)], outputs: [value(to, dtype, dims)] };
}

/** OUTPUT0 is the sum, OUTPUT1 the difference. */
export function sum(dtype: DType, dims: readonly OnnxDim[] = ['b', 16]): Graph {
  return {
    nodes: [node('Add', 'INPUT0|INPUT1', 'OUTPUT0'), node('Sub', 'INPUT0|INPUT1', 'OUTPUT1')],
    inputs: [value('INPUT0', dtype, dims), value('INPUT1', dtype, dims)],
    outputs: [value('OUTPUT0', dtype, dims), value('OUTPUT1', dtype, dims)],
  };
}

export function sumEntries(datatype: string, more = ''): string {
  const inputs = entries('input', ['INPUT0', datatype, [16]], ['INPUT1', datatype, [16]]);
  return inputs + entries('output', ['OUTPUT0', datatype, [16], more], ['OUTPUT1', datatype, [16]]);
}
