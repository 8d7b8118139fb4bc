/**
 * XGBoost's split rule, on float32 values:
 *
 *   missing (NaN)    the default child
 *   numeric          left if value < threshold
 *   on categories    right if the set holds the category; left if not, also for values that are no category
 *
 * Source: GetDecision in XGBoost's src/predictor/predict_fn.h, Decision in src/common/categorical.h.
 */
import { type Forest, isInSet } from '../forest.ts';

export const DEFAULT_LEFT = 1;
export const ON_CATEGORIES = 2;

/** Values from here on are no category: the first whole number that float32 cannot tell from the next. */
const CATEGORY_LIMIT = 2 ** 24;

export function goesLeft(forest: Forest, node: number, value: number): boolean {
  const flags = forest.flags[node]!;
  if (Number.isNaN(value)) return (flags & DEFAULT_LEFT) !== 0;
  const threshold = forest.value[node]!;
  if ((flags & ON_CATEGORIES) === 0) return value < threshold;
  if (value < 0 || value >= CATEGORY_LIMIT) return true;
  return !isInSet(forest, threshold, Math.trunc(value));
}
