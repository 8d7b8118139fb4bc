/**
 * LightGBM's split rule, on float64 values. The flags are the file's `decision_type`:
 *
 *   bit 0      on categories
 *   bit 1      the default child is the left one
 *   bits 2, 3  what counts as missing: 0 nothing, 1 zero, 2 NaN
 *
 *   missing          the default child
 *   numeric          left if value <= threshold. Where NaN does not count as missing, it is 0
 *   on categories    left if the set holds the value without its fraction; NaN and what is below 0 go right
 *
 * Source: NumericalDecision and CategoricalDecision in LightGBM's include/LightGBM/tree.h.
 */
import { type Forest, isInSet } from '../forest.ts';

export const ON_CATEGORIES = 1;
export const DEFAULT_LEFT = 2;
export const ZERO_IS_MISSING = 1 << 2;
export const NAN_IS_MISSING = 2 << 2;
/** The largest decision_type with a meaning. */
export const MAX_DECISION_TYPE = ON_CATEGORIES | DEFAULT_LEFT | NAN_IS_MISSING;

const MISSING = 3 << 2;
/** Values up to this one from 0 are zero: LightGBM's kZeroThreshold, a float32. */
const ZERO_LIMIT = Math.fround(1e-35);
/** Values from here on are no int, and in no set. */
const INT_LIMIT = 2 ** 31;

export function goesLeft(forest: Forest, node: number, value: number): boolean {
  const flags = forest.flags[node]!;
  const threshold = forest.value[node]!;
  if ((flags & ON_CATEGORIES) !== 0) {
    // The result is false for NaN, too. Values between -1 and 0 are category 0, as their fraction is cut off.
    return value > -1 && value < INT_LIMIT && isInSet(forest, threshold, Math.trunc(value));
  }
  const missing = flags & MISSING;
  // Nearly all splits: comparisons with NaN are false.
  if (missing !== ZERO_IS_MISSING) {
    if (value <= threshold) return true;
    if (value > threshold) return false;
  }
  const known = Number.isNaN(value) && missing !== NAN_IS_MISSING ? 0 : value;
  const isMissing =
    (missing === ZERO_IS_MISSING && Math.abs(known) <= ZERO_LIMIT) ||
    (missing === NAN_IS_MISSING && Number.isNaN(known));
  return isMissing ? (flags & DEFAULT_LEFT) !== 0 : known <= threshold;
}
