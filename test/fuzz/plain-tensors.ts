/** Tensors as values that `deepEqual` compares bit by bit. */
import { Buffer } from 'node:buffer';
import type { TensorMap } from '../../src/core/tensor.ts';

export function plainTensors(tensors: TensorMap): unknown {
  return [...tensors].map(([name, { dtype, shape, data }]) => [
    name,
    dtype,
    [...shape],
    ArrayBuffer.isView(data)
      ? Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1')
      : data.map((bytes) => Buffer.from(bytes).toString('latin1')),
  ]);
}
