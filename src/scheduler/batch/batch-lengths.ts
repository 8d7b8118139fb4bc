/**
 * The lengths of a batch's rows, where its signature has them: what shorter members are padded to, and which part of a
 * run's outputs is each one's own (pad-rows.ts). Pure.
 */
import { type LengthPadding, largestLength } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { cutRows, lengthMisfitOf, type PaddedLength, type RowShare } from './pad-rows.ts';

export class BatchLengths {
  /** The length of the longest row; 0 where no input has a length. */
  readonly longest: number;
  /** The length to which members are padded; undefined = nothing is padded. */
  readonly padTo: PaddedLength | undefined;
  /** Rows × length of the members, without padding; undefined where they have no length or are run whole. */
  readonly elements: number | undefined;
  readonly #own: readonly number[];

  constructor(padding: LengthPadding, members: readonly RowShare[], isWhole: boolean) {
    this.#own = members.map(({ inputs }) => largestLength(padding, inputs));
    const longest = Math.max(...this.#own);
    this.longest = longest;
    const isOne = this.#own.every((each) => each === longest);
    this.padTo = isWhole || isOne ? undefined : { padding, length: longest };
    this.elements = isWhole || longest === 0 ? undefined : this.#sumOf(members);
  }

  /** Why the outputs of the run cannot be cut back; undefined = they can. The wanted outputs exist. */
  misfitOf(outputs: TensorMap, wanted: readonly string[]): string | undefined {
    return this.padTo === undefined ? undefined : lengthMisfitOf(outputs, wanted, this.padTo);
  }

  /** The outputs of member `i`, without what belongs to its padding. */
  cut(i: number, outputs: TensorMap): TensorMap {
    const length = this.unpadded(i);
    return length === undefined ? outputs : cutRows(outputs, this.padTo!.padding, length);
  }

  /** The length of member `i` before it was padded; undefined = it was not. */
  unpadded(i: number): number | undefined {
    const length = this.#own[i]!;
    return this.padTo === undefined || length === this.longest ? undefined : length;
  }

  #sumOf(members: readonly RowShare[]): number {
    let elements = 0;
    for (const [i, { rows }] of members.entries()) elements += rows * this.#own[i]!;
    return elements;
  }
}
