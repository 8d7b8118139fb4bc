/** A model whose rows cost much and are small: x float32 [N, 1] → y float32 [N, 1], a few ms for a batch of 64. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OnnxInitializer, onnxModel } from './onnx-model.ts';

const HIDDEN = 512;
const LAYERS = 3;

function floats(name: string, dims: readonly number[]): OnnxInitializer {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const data = Float32Array.from({ length: count }, (_, i) => ((i % 13) - 6) / 64);
  return { name, dtype: 'float32', dims, data: new Uint8Array(data.buffer) };
}

/** Writes it below a directory; returns the flag that serves it as `costly`. */
export function writeCostlyModel(directory: string): string {
  const hidden = Array.from({ length: LAYERS }, (_, i) => ({
    ...{ op: 'MatMul', inputs: [`h${i}`, `w${i}`], outputs: [`h${i + 1}`] },
  }));
  const bytes = onnxModel({
    inputs: [{ name: 'x', dtype: 'float32', dims: ['N', 1] }],
    outputs: [{ name: 'y', dtype: 'float32', dims: ['N', 1] }],
    nodes: [
      { op: 'MatMul', inputs: ['x', 'up'], outputs: ['h0'] },
      ...hidden,
      { op: 'MatMul', inputs: [`h${LAYERS}`, 'down'], outputs: ['y'] },
    ],
    initializers: [
      floats('up', [1, HIDDEN]),
      ...hidden.map((_, i) => floats(`w${i}`, [HIDDEN, HIDDEN])),
      floats('down', [HIDDEN, 1]),
    ],
  });
  mkdirSync(join(directory, 'costly', '1'), { recursive: true });
  writeFileSync(join(directory, 'costly', '1', 'model.onnx'), bytes);
  return `--model=costly=${join(directory, 'costly')}`;
}
