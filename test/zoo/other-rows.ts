/** Requests like a known one, with other rows and another number of them. */
import { elements, sliceRows, type Tensor, type TensorMap, zerosOf } from '../../src/core/tensor.ts';
import { concatenate, filled } from './runtime-alone.ts';

/** Numbers from 0 to 1 that are the same in each run: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * As many rows of each input, drawn anew; floating-point values up to half smaller or larger, so that no two rows are
 * equal. Of an input without rows, rows of zeros.
 */
export function otherRows(inputs: TensorMap, rows: number, random: () => number): TensorMap {
  return new Map([...inputs].map(([name, tensor]) => [name, drawn(tensor, rows, random)]));
}

function drawn(tensor: Tensor, rows: number, random: () => number): Tensor {
  const known = tensor.shape[0]!;
  if (known === 0) return zerosOf(tensor.dtype, [rows, ...tensor.shape.slice(1)]);
  const parts = Array.from({ length: rows }, () => {
    const row = Math.floor(random() * known);
    return sliceRows(tensor, row, row + 1);
  });
  const whole = concatenate(parts, 0);
  if (whole.dtype !== 'float32' && whole.dtype !== 'float64') return whole;
  const values = elements(whole);
  return filled(whole.dtype, whole.shape, (i) => Number(values[i]) * (0.5 + random()));
}
