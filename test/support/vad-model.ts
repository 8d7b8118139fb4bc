/**
 * An ONNX model with the signature of silero-vad: rows at dim 1 of a state that goes in and out, and one sample rate
 * for a whole batch. It says how loud the samples are, and remembers it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onnxElementType, onnxModel } from './onnx-model.ts';

/** State values of one row in each of its two halves. */
export const VAD_STATE = 8;

const MINUS = { name: 'minus', dtype: 'float32', dims: [1], data: new Uint8Array(Float32Array.of(-1).buffer) } as const;
const axis = (name: string, at: bigint) =>
  ({ name, dtype: 'int64', dims: [1], data: new Uint8Array(BigInt64Array.of(at).buffer) }) as const;

/**
 * Writes version 1 of the model into the directory, with this pillion.yaml beside it.
 *
 *   output [B,1] = mean(input) · sr + mean(state)        stateN [2,B,8] = mean(input) − state
 *
 * Small whole numbers become numbers that float32 holds exactly, so that the order in which the runtime adds them,
 * which may depend on the size of a batch, changes nothing.
 */
export function writeVad(directory: string, yaml?: string): void {
  const version = join(directory, '1');
  mkdirSync(version, { recursive: true });
  const model = onnxModel({
    inputs: [
      { name: 'input', dtype: 'float32', dims: ['batch', 'samples'] },
      { name: 'state', dtype: 'float32', dims: [2, 'batch', VAD_STATE] },
      { name: 'sr', dtype: 'int64', dims: [] },
    ],
    outputs: [
      { name: 'output', dtype: 'float32', dims: ['batch', 1] },
      { name: 'stateN', dtype: 'float32', dims: ['a', 'b', 'c'] },
    ],
    nodes: [
      { op: 'ReduceMean', inputs: ['input'], outputs: ['loud'], attributes: { axes: [1], keepdims: 1 } },
      { op: 'Cast', inputs: ['sr'], outputs: ['rate'], attributes: { to: onnxElementType('float32') } },
      { op: 'Mul', inputs: ['loud', 'rate'], outputs: ['scaled'] },
      { op: 'ReduceMean', inputs: ['state'], outputs: ['before'], attributes: { axes: [0, 2], keepdims: 0 } },
      { op: 'Unsqueeze', inputs: ['before', 'one'], outputs: ['column'] },
      { op: 'Add', inputs: ['scaled', 'column'], outputs: ['output'] },
      { op: 'Mul', inputs: ['state', 'minus'], outputs: ['negative'] },
      { op: 'Unsqueeze', inputs: ['loud', 'zero'], outputs: ['louder'] },
      { op: 'Add', inputs: ['negative', 'louder'], outputs: ['stateN'] },
    ],
    initializers: [MINUS, axis('one', 1n), axis('zero', 0n)],
  });
  writeFileSync(join(version, 'model.onnx'), model);
  if (yaml !== undefined) writeFileSync(join(version, 'pillion.yaml'), yaml);
}

/** Its batch axes, as its owner declares them. */
export const VAD_BATCHING = `batching:
  inputs: {state: {batch_axis: 1}, sr: {batch: same}}
  outputs: {stateN: {batch_axis: 1}}
`;
