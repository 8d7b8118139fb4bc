/**
 * How far the answers of a row are apart, in shares of the largest number that the output had in rows that were run
 * alone. Unlike the differences of row-difference.ts, which judge each element by its own magnitude, it can be compared
 * between rows: a step of an int8 quantization is 1/127 of a range.
 */
import { numbersOf } from '../../../core/close-numbers.ts';
import { shapesEqual } from '../../../core/shape.ts';
import type { NumericTensor, Tensor, TensorMap } from '../../../core/tensor.ts';
import { type Magnitudes, magnitudesOf, rowDifference } from '../row-difference.ts';

export interface Distance {
  /** The output that is farthest. */
  readonly output: string;
  /** 0 = all outputs are equal; Infinity where shapes, strings or NaN differ. */
  readonly share: number;
}

export class AnswerScale {
  readonly #alone: readonly TensorMap[];
  readonly #largest = new Map<string, number>();
  readonly #magnitudes = new Map<string, Magnitudes>();

  /** The answers of at least one row that was run alone. */
  constructor(alone: readonly TensorMap[]) {
    this.#alone = alone;
  }

  /** Whether an output is not the same within the rounding that row-difference.ts allows. `wanted` is of a row alone. */
  differs(wanted: TensorMap, found: TensorMap): boolean {
    for (const [name, tensor] of wanted) {
      if (rowDifference(tensor, found.get(name)!, this.#magnitudesOf(name, tensor)) > 0) return true;
    }
    return false;
  }

  distance(wanted: TensorMap, found: TensorMap): Distance {
    let farthest: Distance = { output: '', share: 0 };
    for (const [output, tensor] of wanted) {
      const share = this.#shareOf(output, tensor, found.get(output)!);
      if (share > farthest.share) farthest = { output, share };
    }
    return farthest;
  }

  #shareOf(output: string, wanted: Tensor, found: Tensor): number {
    if (wanted.dtype === 'string') return rowDifference(wanted, found, undefined);
    if (wanted.dtype !== found.dtype || !shapesEqual(wanted.shape, found.shape)) return Infinity;
    const [x, y] = [numbersOf(wanted), numbersOf(found as NumericTensor)];
    let apart = 0;
    for (let i = 0; i < x.length; i++) {
      const [a, b] = [Number(x[i]), Number(y[i])];
      if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
      const difference = Math.abs(a - b);
      // A comparison with NaN is false.
      apart = difference >= 0 ? Math.max(apart, difference) : Infinity;
    }
    return apart === 0 ? 0 : apart / this.#largestOf(output);
  }

  /** Rows of other lengths have outputs of other shapes: they say nothing of its elements. */
  #magnitudesOf(name: string, tensor: Tensor): Magnitudes {
    const key = `${name} ${tensor.shape}`;
    if (!this.#magnitudes.has(key)) {
      const alike = this.#tensors(name).filter(({ shape }) => shapesEqual(shape, tensor.shape));
      this.#magnitudes.set(key, magnitudesOf(alike.length === 0 ? [tensor] : alike));
    }
    return this.#magnitudes.get(key);
  }

  #largestOf(name: string): number {
    let largest = this.#largest.get(name);
    if (largest !== undefined) return largest;
    largest = 0;
    for (const tensor of this.#tensors(name)) {
      const numbers = numbersOf(tensor as NumericTensor);
      for (let i = 0; i < numbers.length; i++) {
        const size = Math.abs(Number(numbers[i]));
        if (size > largest && size !== Infinity) largest = size;
      }
    }
    this.#largest.set(name, largest);
    return largest;
  }

  #tensors(name: string): readonly Tensor[] {
    return this.#alone.map((answer) => answer.get(name)!);
  }
}
