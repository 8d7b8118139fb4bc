/** Tensors for the suite of backend-contract.ts. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { bytesPerElement, type DType } from '../../src/core/dtype.ts';
import type { Tensor } from '../../src/core/tensor.ts';

export function assertSameTensor(actual: Tensor | undefined, expected: Tensor): void {
  assert.ok(actual !== undefined);
  assert.equal(actual.dtype, expected.dtype);
  assert.deepEqual(actual.shape, expected.shape);
  const hex = ({ data }: Tensor): readonly string[] =>
    (data instanceof Uint8Array ? [data] : data).map((bytes) => Buffer.from(bytes).toString('hex'));
  assert.deepEqual(hex(actual), hex(expected));
}

/** Values that are missing are zeros. */
export function floats(shape: readonly number[], ...values: number[]): Tensor {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  data.set(values);
  return { dtype: 'float32', shape, data: new Uint8Array(data.buffer) };
}

/** Six elements of the awkward kind: all bits set (a NaN with a payload, -1 or the largest), -0 or the least, … */
export function numericRows(dtype: Exclude<DType, 'string'>): Uint8Array {
  if (dtype === 'bool') return new Uint8Array([0, 1, 1, 0, 0, 1]);
  const size = bytesPerElement(dtype);
  const data = new Uint8Array(6 * size);
  data.fill(0xff, 0, size);
  data[2 * size - 1] = 0x80;
  data.fill(0xff, 2 * size, 3 * size - 1);
  data[3 * size - 1] = 0x7f;
  data[3 * size] = 1;
  data.set([0x3c, 0x7e].slice(0, size), 5 * size - Math.min(2, size));
  return data;
}

/** The same bytes at an odd address. */
export function misaligned(data: Uint8Array): Uint8Array {
  const shifted = new Uint8Array(data.byteLength + 1).subarray(1);
  shifted.set(data);
  return shifted;
}

/** Six elements of text, and six of any bytes if the backend takes those. */
export function stringRows(hasByteStrings: boolean): (readonly Uint8Array[])[] {
  const text = ['', 'plain', 'é', '日本語', '\u{1f600}', '\ufeffwith a mark'].map((s) => new TextEncoder().encode(s));
  if (!hasByteStrings) return [text];
  return [text, [[], [0], [0xff, 0xfe], [0xc3], [0, 0, 1], [0x80]].map((bytes) => new Uint8Array(bytes))];
}
