/** Plausible inputs, made from a seed: tensors that look to a model like what it was made for. */
import type { NumericDType } from '../../src/core/dtype.ts';
import { stringTensor, type Tensor } from '../../src/core/tensor.ts';
import { filled } from './runtime-alone.ts';

export type Random = () => number;

export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

export function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[between(random, 0, values.length - 1)]!;
}

/** How many rows a request has. */
export function rows(random: Random, most = 4): number {
  return between(random, 1, most);
}

export function floats(random: Random, shape: readonly number[], low: number, high: number): Tensor {
  return filled('float32', shape, () => low + random() * (high - low));
}

export function integers(
  random: Random,
  dtype: NumericDType,
  shape: readonly number[],
  low: number,
  high: number,
): Tensor {
  return filled(dtype, shape, () => between(random, low, high));
}

/** Soft stripes with some noise. Its values are `low` to `high`; the order of the dims does not matter to it. */
export function image(random: Random, shape: readonly number[], low: number, high: number): Tensor {
  const [slow, fast] = [random() * 0.05, random() * 0.9];
  return filled('float32', shape, (i) => {
    const light = 0.5 + 0.2 * Math.sin(i * slow) + 0.2 * Math.sin(i * fast) + 0.1 * (random() - 0.5);
    return low + light * (high - low);
  });
}

/** A tone with overtones and some noise, -1 to 1. */
export function sound(random: Random, shape: readonly number[]): Tensor {
  const pitch = 0.01 + random() * 0.2;
  const loud = 0.1 + random() * 0.5;
  return filled(
    'float32',
    shape,
    (i) => loud * (Math.sin(i * pitch) + 0.3 * Math.sin(2 * i * pitch) + 0.2 * (random() - 0.5)),
  );
}

export function texts(random: Random, rows: number, words: readonly string[]): Tensor {
  const line = (): string => Array.from({ length: between(random, 1, 6) }, () => oneOf(random, words)).join(' ');
  const lines = Array.from({ length: rows }, () => new TextEncoder().encode(line()));
  return stringTensor([rows], lines);
}
