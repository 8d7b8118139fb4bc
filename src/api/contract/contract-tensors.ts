/** Tensors for the suite of backend-contract.ts. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { bytesPerElement, type DType, typedArrayOf } from '../../core/dtype.ts';
import { elements, type Tensor } from '../../core/tensor.ts';

/** The same bits; with `isAnyNan` a NaN is the same as any other. */
export function assertSameTensor(actual: Tensor | undefined, expected: Tensor, { isAnyNan = false } = {}): void {
  assert.ok(actual !== undefined, 'the output is missing');
  assert.equal(actual.dtype, expected.dtype);
  assert.deepEqual(actual.shape, expected.shape);
  const hex = (tensor: Tensor): readonly string[] => {
    const { data } = isAnyNan ? withPlainNans(tensor) : tensor;
    return (data instanceof Uint8Array ? [data] : data).map((bytes) => Buffer.from(bytes).toString('hex'));
  };
  assert.deepEqual(hex(actual), hex(expected));
}

/** float32 and float64 with one kind of NaN. */
function withPlainNans(tensor: Tensor): Tensor {
  if (tensor.dtype !== 'float32' && tensor.dtype !== 'float64') return tensor;
  const values = (elements(tensor) as Float32Array).map((value) => (Number.isNaN(value) ? Number.NaN : value));
  return { ...tensor, data: new Uint8Array(values.buffer) };
}

/** Values that are missing are zeros. Of strings, each is the number's text. */
export function tensorOf(dtype: DType, shape: readonly number[], values: readonly number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  if (dtype === 'string') {
    return { dtype, shape, data: Array.from({ length: count }, (_, i) => Buffer.from(String(values[i] ?? 0))) };
  }
  const numbers = new (typedArrayOf(dtype))(count);
  const isLong = numbers instanceof BigInt64Array || numbers instanceof BigUint64Array;
  // float16 and bfloat16 are bits here: other values, but different ones.
  for (const [i, value] of values.slice(0, count).entries()) numbers[i] = isLong ? BigInt(value) : value;
  return { dtype, shape, data: new Uint8Array(numbers.buffer) };
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
