/** Small stand-ins for models that real callers send wrong values to: each fails inside ONNX Runtime, as they do. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OnnxInitializer, onnxModel } from './onnx-model.ts';

const WORDS = 30_522;
const LONGEST_TEXT = 512;
const WIDTH = 8;
const HIDDEN = 512;
const SAMPLE_RATES = 16_001;

function floats(name: string, dims: readonly number[]): OnnxInitializer {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const data = Float32Array.from({ length: count }, (_, i) => ((i % 13) - 6) / 64);
  return { name, dtype: 'float32', dims, data: new Uint8Array(data.buffer) };
}

function integer(name: string, value: number): OnnxInitializer {
  return { name, dtype: 'int64', dims: [], data: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer) };
}

/**
 * MiniLM's shape: ids int64 [N, L] → y float32 [N, 8]. Word and place are looked up in tables, so that a word over
 * 30,521 and a text of more than 512 words fail.
 */
const TOKENS = onnxModel({
  inputs: [{ name: 'ids', dtype: 'int64', dims: ['N', 'L'] }],
  outputs: [{ name: 'y', dtype: 'float32', dims: ['N', WIDTH] }],
  nodes: [
    { op: 'Shape', inputs: ['ids'], outputs: ['shape'] },
    { op: 'Gather', inputs: ['shape', 'one'], outputs: ['length'] },
    { op: 'Range', inputs: ['zero', 'length', 'one'], outputs: ['places'] },
    { op: 'Gather', inputs: ['place_table', 'places'], outputs: ['place'] },
    { op: 'Gather', inputs: ['word_table', 'ids'], outputs: ['word'] },
    { op: 'Add', inputs: ['word', 'place'], outputs: ['embedding'] },
    { op: 'MatMul', inputs: ['embedding', 'up'], outputs: ['hidden'] },
    { op: 'MatMul', inputs: ['hidden', 'inner'], outputs: ['mixed'] },
    { op: 'MatMul', inputs: ['mixed', 'down'], outputs: ['words'] },
    { op: 'ReduceMean', inputs: ['words'], outputs: ['y'], attributes: { axes: [1], keepdims: 0 } },
  ],
  initializers: [
    integer('zero', 0),
    integer('one', 1),
    floats('word_table', [WORDS, WIDTH]),
    floats('place_table', [LONGEST_TEXT, WIDTH]),
    floats('up', [WIDTH, HIDDEN]),
    floats('inner', [HIDDEN, HIDDEN]),
    floats('down', [HIDDEN, WIDTH]),
  ],
});

/** x float32 [N, 1, H, W] → y: a side that is no multiple of 32 fails. */
const IMAGE = onnxModel({
  inputs: [{ name: 'x', dtype: 'float32', dims: ['N', 1, 'H', 'W'] }],
  outputs: [{ name: 'y', dtype: 'float32', dims: ['N', 1024] }],
  nodes: [
    { op: 'SpaceToDepth', inputs: ['x'], outputs: ['patches'], attributes: { blocksize: 32 } },
    { op: 'ReduceMean', inputs: ['patches'], outputs: ['y'], attributes: { axes: [2, 3], keepdims: 0 } },
  ],
});

/** audio float32 [N, T], sr int64 → y: a sample rate above 16,000 fails. */
const VOICE = onnxModel({
  inputs: [
    { name: 'audio', dtype: 'float32', dims: ['N', 'T'] },
    { name: 'sr', dtype: 'int64', dims: [] },
  ],
  outputs: [{ name: 'y', dtype: 'float32', dims: ['N', 'T'] }],
  nodes: [
    { op: 'Gather', inputs: ['rates', 'sr'], outputs: ['rate'] },
    { op: 'Add', inputs: ['audio', 'rate'], outputs: ['y'] },
  ],
  initializers: [floats('rates', [SAMPLE_RATES])],
});

/** Writes the models `tokens`, `image` and `voice` below a directory; returns the flags that serve them. */
export function writeOffendedModels(directory: string): readonly string[] {
  const models = { tokens: TOKENS, image: IMAGE, voice: VOICE };
  return Object.entries(models).map(([name, bytes]) => {
    mkdirSync(join(directory, name, '1'), { recursive: true });
    writeFileSync(join(directory, name, '1', 'model.onnx'), bytes);
    return `--model=${name}=${join(directory, name)}`;
  });
}
