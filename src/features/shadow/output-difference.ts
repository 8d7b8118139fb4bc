/**
 * Compares the outputs of two runtimes for one batch. Floats are compared with the tolerances of core/close-numbers.ts,
 * other elements exactly; integers of different widths are compared by value, because TensorFlow.js has no int64.
 *
 * Large outputs are compared in several turns of the event loop, so that they do not block it.
 */
import { Buffer } from 'node:buffer';
import { setImmediate } from 'node:timers/promises';
import { ABSOLUTE_TOLERANCE, decoderOf, isClose, RELATIVE_TOLERANCE } from '../../core/close-numbers.ts';
import { elementCount, shapesEqual } from '../../core/shape.ts';
import { elements, type NumericTensor, type StringTensor, type Tensor, type TensorMap } from '../../core/tensor.ts';

export interface OutputDifference {
  readonly output: string;
  readonly elements: number;
  /** The number of elements that are not equal or beyond the tolerance; all of them if the shapes differ. */
  readonly mismatches: number;
  /** The largest finite |a − b|; undefined if the output is no float. */
  readonly absolute: number | undefined;
  /** The largest |a − b| ÷ the larger of |a|, |b| and ABSOLUTE_TOLERANCE. */
  readonly relative: number | undefined;
}

/** The number of elements that are compared in one turn of the event loop. */
const ELEMENTS_PER_TURN = 1 << 15;

/** Compares the outputs that both have. `right` are the model's own. */
export async function outputDifferences(right: TensorMap, other: TensorMap): Promise<readonly OutputDifference[]> {
  const differences: OutputDifference[] = [];
  for (const [output, tensor] of right) {
    const found = other.get(output);
    if (found !== undefined) differences.push({ output, ...(await tensorDifference(tensor, found)) });
  }
  return differences;
}

type TensorDifference = Omit<OutputDifference, 'output'>;

async function tensorDifference(right: Tensor, other: Tensor): Promise<TensorDifference> {
  const isComparable = (right.dtype === 'string') === (other.dtype === 'string');
  if (!isComparable || !shapesEqual(right.shape, other.shape)) {
    const count = elementCount(right.shape);
    return { elements: count, mismatches: Math.max(1, count), absolute: undefined, relative: undefined };
  }
  if (right.dtype === 'string') return stringDifference(right, other as StringTensor);
  return numberDifference(right, other as NumericTensor);
}

async function stringDifference({ data }: StringTensor, other: StringTensor): Promise<TensorDifference> {
  let mismatches = 0;
  await inTurns(data.length, (start, end) => {
    for (let i = start; i < end; i++) {
      const [a, b] = [data[i]!, other.data[i]!];
      if (Buffer.compare(a, b) !== 0) mismatches += 1;
    }
  });
  return { elements: data.length, mismatches, absolute: undefined, relative: undefined };
}

async function numberDifference(right: NumericTensor, other: NumericTensor): Promise<TensorDifference> {
  const tolerance = RELATIVE_TOLERANCE[right.dtype];
  const [a, b] = [elements(right), elements(other)];
  if (tolerance === undefined) {
    return { elements: a.length, mismatches: await unequal(a, b), absolute: undefined, relative: undefined };
  }
  const [decodeA, decodeB] = [decoderOf(right.dtype), decoderOf(other.dtype)];
  let [mismatches, absolute, relative] = [0, 0, 0];
  await inTurns(a.length, (start, end) => {
    for (let i = start; i < end; i++) {
      const [x, y] = [decodeA(a[i]!), decodeB(b[i]!)];
      if (x === y) continue;
      if (!isClose(y, x, tolerance)) mismatches += 1;
      const apart = Math.abs(x - y);
      if (!Number.isFinite(apart)) continue;
      absolute = Math.max(absolute, apart);
      relative = Math.max(relative, apart / Math.max(Math.abs(x), Math.abs(y), ABSOLUTE_TOLERANCE));
    }
  });
  return { elements: a.length, mismatches, absolute, relative };
}

async function unequal(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): Promise<number> {
  let mismatches = 0;
  await inTurns(a.length, (start, end) => {
    for (let i = start; i < end; i++) {
      // biome-ignore lint/suspicious/noDoubleEquals: a number and a bigint of the same value are the same here.
      if (a[i]! != b[i]!) mismatches += 1;
    }
  });
  return mismatches;
}

async function inTurns(count: number, work: (start: number, end: number) => void): Promise<void> {
  for (let start = 0; start < count; start += ELEMENTS_PER_TURN) {
    if (start > 0) await setImmediate();
    work(start, Math.min(count, start + ELEMENTS_PER_TURN));
  }
}
