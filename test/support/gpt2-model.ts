/**
 * GPT-2 as ONNX (Radford et al., 2019): its graph, small, with the inputs and outputs that exporters of transformers
 * give a decoder with a cache. Its weights are noise: it says nothing, but does all of GPT-2's arithmetic.
 *
 *   input_ids, position_ids [B,T]   attention_mask [B,P+T]   past_key_values.N.key/value [B,H,P,D]
 *   logits [B,T,V]                                           present.N.key/value [B,H,P+T,D]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NumericDType } from '../../src/core/dtype.ts';
import { filled } from '../zoo/runtime-alone.ts';
import { type OnnxInitializer, type OnnxNode, type OnnxValue, onnxElementType, onnxModel } from './onnx-model.ts';

export interface Gpt2Size {
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
  readonly tokens: number;
  readonly positions: number;
}

export const SMALL_GPT2: Gpt2Size = { layers: 2, heads: 4, headSize: 8, tokens: 97, positions: 64 };

const DROPPED = -1e30;
const GELU_CUBE = 0.044715;

/** Names of the cache of all layers: inputs and outputs, in the same order. */
export function gpt2Cache({ layers }: Gpt2Size): readonly (readonly [past: string, present: string])[] {
  return Array.from({ length: layers }, (_, i) =>
    ['key', 'value'].map((part) => [`past_key_values.${i}.${part}`, `present.${i}.${part}`] as const),
  ).flat();
}

/** The pillion.yaml that says that the server keeps the cache, which begins empty. */
export function gpt2Yaml(size: Gpt2Size): string {
  const { heads, headSize } = size;
  const cache = gpt2Cache(size);
  const axes = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, { batch_axis: 0 }]));
  // JSON is YAML.
  return JSON.stringify({
    batching: {
      inputs: axes(['input_ids', 'position_ids', 'attention_mask', ...cache.map(([past]) => past)]),
      outputs: axes(['logits', ...cache.map(([, present]) => present)]),
    },
    state: Object.fromEntries(cache.map(([past, output]) => [past, { output, shape: [1, heads, 0, headSize] }])),
  });
}

/** Writes version 1 into the directory; returns the model's path. */
export function writeGpt2(directory: string, size: Gpt2Size): string {
  const version = join(directory, '1');
  const path = join(version, 'model.onnx');
  mkdirSync(version, { recursive: true });
  writeFileSync(path, gpt2(size));
  writeFileSync(join(version, 'pillion.yaml'), gpt2Yaml(size));
  return path;
}

/** Nodes and constants, each named by its number. */
class Graph {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxInitializer[] = [];
  #seed = 1;

  op(op: string, inputs: readonly string[], attributes: NonNullable<OnnxNode['attributes']> = {}, name?: string) {
    const output = name ?? `t${this.nodes.length}`;
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  split(input: string, parts: number): readonly string[] {
    const outputs = Array.from({ length: parts }, (_, i) => `t${this.nodes.length}.${i}`);
    this.nodes.push({ op: 'Split', inputs: [input], outputs, attributes: { axis: -1 } });
    return outputs;
  }

  constant(dtype: NumericDType, dims: readonly number[], value: (i: number) => number): string {
    const name = `c${this.initializers.length}`;
    const { data } = filled(dtype, dims, value);
    this.initializers.push({ name, dtype, dims, data: data as Uint8Array });
    return name;
  }

  /** A scalar. */
  number(value: number, dtype: NumericDType = 'float32'): string {
    return this.constant(dtype, [], () => value);
  }

  list(...values: readonly number[]): string {
    return this.constant('int64', [values.length], (i) => values[i]!);
  }

  /** Noise around `mean`. */
  weight(dims: readonly number[], mean = 0): string {
    return this.constant('float32', dims, () => mean + 0.3 * (this.#random() - 0.5));
  }

  linear(x: string, from: number, to: number): string {
    return this.op('Add', [this.op('MatMul', [x, this.weight([from, to])]), this.weight([to])]);
  }

  norm(x: string, width: number): string {
    return this.op('LayerNormalization', [x, this.weight([width], 1), this.weight([width])]);
  }

  /** xorshift32, 0 to 1. */
  #random(): number {
    let x = this.#seed;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#seed = x;
    return (x >>> 0) / 2 ** 32;
  }
}

function gpt2(size: Gpt2Size): Uint8Array {
  const { layers, heads, headSize, tokens, positions } = size;
  const width = heads * headSize;
  const g = new Graph();
  const table = g.weight([tokens, width]);
  const places = g.op('Gather', [g.weight([positions, width]), 'position_ids']);
  let x = g.op('Add', [g.op('Gather', [table, 'input_ids']), places]);
  const open = openPairs(g);
  for (let i = 0; i < layers; i++) {
    x = g.op('Add', [x, attention(g, g.norm(x, width), size, i, open)]);
    const wide = gelu(g, g.linear(g.norm(x, width), width, 4 * width));
    x = g.op('Add', [x, g.linear(wide, 4 * width, width)]);
  }
  g.op('MatMul', [g.norm(x, width), g.op('Transpose', [table], { perm: [1, 0] })], {}, 'logits');
  return onnxModel({ ...g, ...signatureOf(size) });
}

function signatureOf(size: Gpt2Size): {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
} {
  const { heads, headSize, tokens } = size;
  const of = (name: string, ...dims: readonly (string | number)[]) => ({ name, dtype: 'float32', dims }) as const;
  const ids = (name: string, ...dims: readonly string[]) => ({ name, dtype: 'int64', dims }) as const;
  const cache = gpt2Cache(size);
  return {
    inputs: [
      ids('input_ids', 'batch', 'length'),
      ids('position_ids', 'batch', 'length'),
      ids('attention_mask', 'batch', 'total'),
      ...cache.map(([past]) => of(past, 'batch', heads, 'past', headSize)),
    ],
    outputs: [
      of('logits', 'batch', 'length', tokens),
      ...cache.map(([, present]) => of(present, 'batch', heads, 'total', headSize)),
    ],
  };
}

/** The pairs in which one token sees the other: none sees later ones, nor those that the mask drops. [B,1,T,P+T] */
function openPairs(g: Graph): string {
  const total = g.op('Gather', [g.op('Shape', ['attention_mask']), g.number(1, 'int64')]);
  const keys = g.op('Range', [g.number(0, 'int64'), total, g.number(1, 'int64')]);
  const queries = g.op('Unsqueeze', ['position_ids', g.list(1, 3)]);
  const seen = g.op('Cast', [g.op('Unsqueeze', ['attention_mask', g.list(1, 2)])], { to: onnxElementType('bool') });
  return g.op('And', [g.op('LessOrEqual', [keys, queries]), seen]);
}

function attention(g: Graph, x: string, { heads, headSize }: Gpt2Size, layer: number, open: string): string {
  const width = heads * headSize;
  const [query, key, value] = g.split(g.linear(x, width, 3 * width), 3).map((part) => {
    const split = g.op('Reshape', [part, g.list(0, 0, heads, headSize)]);
    return g.op('Transpose', [split], { perm: [0, 2, 1, 3] });
  }) as [string, string, string];
  const kept = (part: string, now: string) =>
    g.op('Concat', [`past_key_values.${layer}.${part}`, now], { axis: 2 }, `present.${layer}.${part}`);
  const keys = g.op('Transpose', [kept('key', key)], { perm: [0, 1, 3, 2] });
  const scaled = g.op('Mul', [g.op('MatMul', [query, keys]), g.number(headSize ** -0.5)]);
  const shares = g.op('Softmax', [g.op('Where', [open, scaled, g.number(DROPPED)])], { axis: -1 });
  const mixed = g.op('Transpose', [g.op('MatMul', [shares, kept('value', value)])], { perm: [0, 2, 1, 3] });
  return g.linear(g.op('Reshape', [mixed, g.list(0, 0, width)]), width, width);
}

/** The approximation by tanh, as in GPT-2. */
function gelu(g: Graph, x: string): string {
  const cube = g.op('Mul', [g.op('Mul', [x, x]), x]);
  const inner = g.op('Add', [x, g.op('Mul', [cube, g.number(GELU_CUBE)])]);
  const tanh = g.op('Tanh', [g.op('Mul', [inner, g.number(Math.sqrt(2 / Math.PI))])]);
  return g.op('Mul', [g.op('Mul', [x, g.number(0.5)]), g.op('Add', [tanh, g.number(1)])]);
}
