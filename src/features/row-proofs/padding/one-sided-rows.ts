/**
 * Rows whose values are all on one side of what they are padded with. Where a model takes the largest of a row, the
 * smallest, or the first in order, most random rows hold one that is further out than the padding, and hide that it counts.
 *
 *   random   -3  7  2 ··0       the largest is the row's own
 *   below    -3 -7 -2 ··0       the largest is the padding
 */
import { numbersOf } from '../../../core/close-numbers.ts';
import type { LengthPadding } from '../../../core/signature.ts';
import type { NumericTensor } from '../../../core/tensor.ts';
import { FLAG_NAME, isFloat, type Random, tensorBy } from '../../../models/warm-up/random-rows.ts';
import type { ProbeRow } from '../probe-layout.ts';

/** The side of the padding on which the values are. */
export type Side = 'below' | 'above';

/** A value beyond this is the same as one beside it in a float of 16 bits. */
const FURTHEST_FLOAT = 64;

/**
 * The row with other numbers in its padded inputs, integers less than `integersBelow` away from the padding. Inputs of
 * flags, strings and bool stay as they are, and so do those that have no number on that side.
 */
export function oneSidedRow(
  row: ProbeRow,
  { inputs }: LengthPadding,
  side: Side,
  { integersBelow, random }: { readonly integersBelow: number; readonly random: Random },
): ProbeRow {
  const sided = new Map(row);
  for (const [name, { value }] of inputs) {
    const { dtype, shape } = row.get(name)!;
    if (dtype === 'string' || dtype === 'bool' || FLAG_NAME.test(name)) continue;
    const padding = Number(numbersOf(value as NumericTensor)[0]);
    const isUnsigned = dtype.startsWith('u');
    if (isFloat(dtype) ? !(Math.abs(padding) <= FURTHEST_FLOAT) : side === 'below' && isUnsigned) continue;
    const sign = side === 'below' ? -1 : 1;
    const most = dtype === 'int8' ? Math.min(integersBelow, 128) : integersBelow;
    const distance = isFloat(dtype) ? () => 1 - random() : () => 1 + Math.floor(random() * (most - 1));
    sided.set(
      name,
      tensorBy(dtype, shape, () => padding + sign * distance()),
    );
  }
  return sided;
}
