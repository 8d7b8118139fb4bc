/**
 * An ONNX model with a GRU cell: one step at a time, rows at dim 1 of a hidden state that goes in and out. And one with
 * a cache that grows by a row of keys at each step, as that of a transformer's decoder does.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OnnxInitializer, onnxModel } from './onnx-model.ts';

export const GRU_INPUT = 4;
export const GRU_HIDDEN = 8;

function weights(name: string, dims: readonly number[], seed: number): OnnxInitializer {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const values = Float32Array.from({ length: count }, (_, i) => Math.sin(seed + 1.7 * i) / 2);
  return { name, dtype: 'float32', dims, data: new Uint8Array(values.buffer) };
}

const axes = (name: string, at: bigint): OnnxInitializer => {
  return { name, dtype: 'int64', dims: [1], data: new Uint8Array(BigInt64Array.of(at).buffer) };
};

function write(directory: string, model: Uint8Array, yaml: string, version: number): void {
  const place = join(directory, String(version));
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'model.onnx'), model);
  writeFileSync(join(place, 'pillion.yaml'), yaml);
}

/** x [B,4], h [1,B,8] → y [B,8], hN [1,B,8]. Returns the path of the model. */
export function writeGru(directory: string, yaml: string, version = 1): string {
  const model = onnxModel({
    inputs: [
      { name: 'x', dtype: 'float32', dims: ['batch', GRU_INPUT] },
      { name: 'h', dtype: 'float32', dims: [1, 'batch', GRU_HIDDEN] },
    ],
    outputs: [
      { name: 'y', dtype: 'float32', dims: ['batch', GRU_HIDDEN] },
      { name: 'hN', dtype: 'float32', dims: [1, 'batch', GRU_HIDDEN] },
    ],
    nodes: [
      { op: 'Unsqueeze', inputs: ['x', 'zero'], outputs: ['sequence'] },
      {
        op: 'GRU',
        inputs: ['sequence', 'W', 'R', '', '', 'h'],
        outputs: ['', 'hN'],
        attributes: { hidden_size: GRU_HIDDEN },
      },
      { op: 'Squeeze', inputs: ['hN', 'zero'], outputs: ['y'] },
    ],
    initializers: [
      weights('W', [1, 3 * GRU_HIDDEN, GRU_INPUT], version),
      weights('R', [1, 3 * GRU_HIDDEN, GRU_HIDDEN], 10 * version),
      axes('zero', 0n),
    ],
  });
  write(directory, model, yaml, version);
  return join(directory, String(version), 'model.onnx');
}

/** Its state, with the axes that its owner declares. */
export const GRU_STATE = `batching:
  inputs: {h: {batch_axis: 1}}
  outputs: {hN: {batch_axis: 1}}
state:
  h: {output: hN}
`;

/** x [B,2], past [B,n,2] → present [B,n+1,2] = past and then x; sum [B,2] = its sum over n. */
export function writeCache(directory: string, yaml: string): void {
  const model = onnxModel({
    inputs: [
      { name: 'x', dtype: 'float32', dims: ['batch', 2] },
      { name: 'past', dtype: 'float32', dims: ['batch', 'n', 2] },
    ],
    outputs: [
      { name: 'sum', dtype: 'float32', dims: ['batch', 2] },
      { name: 'present', dtype: 'float32', dims: ['batch', 'm', 2] },
    ],
    nodes: [
      { op: 'Unsqueeze', inputs: ['x', 'one'], outputs: ['key'] },
      { op: 'Concat', inputs: ['past', 'key'], outputs: ['present'], attributes: { axis: 1 } },
      { op: 'ReduceSum', inputs: ['present', 'one'], outputs: ['sum'], attributes: { keepdims: 0 } },
    ],
    initializers: [axes('one', 1n)],
  });
  write(directory, model, yaml, 1);
}

/** The cache begins empty. */
export const CACHE_STATE = `batching:
  inputs: {x: {batch_axis: 0}, past: {batch_axis: 0}}
  outputs: {sum: {batch_axis: 0}, present: {batch_axis: 0}}
state:
  past: {output: present, initial: zeros, shape: [1, 0, 2]}
`;
