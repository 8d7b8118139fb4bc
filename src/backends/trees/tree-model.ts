/** A model of trees, whichever library made it. */
import type { FloatDType, Floats, Forest } from './forest.ts';
import type { GoesLeft } from './sum-trees.ts';

/**
 * Turns the sums of the trees, [rows, groups], into the prediction, [rows] or [rows, columns]. May change the sums and
 * return them.
 */
export type Finish = (sums: Floats, groups: number) => Floats;

export interface TreeModel {
  /** The library and its version for people: "XGBoost 3.1.2". */
  readonly maker: string;
  /** Its name in the file; '' = none, and the prediction is the sum of the trees. */
  readonly objective: string;
  readonly featureCount: number;
  /** The names of the columns; empty if the file has none. */
  readonly featureNames: readonly string[];
  readonly forest: Forest;
  readonly goesLeft: GoesLeft;
  /** The type in which the library reads features and adds leaves. */
  readonly dtype: FloatDType;
  /** The start of each group's sum. */
  readonly base: Floats;
  readonly finish: Finish;
  /** Numbers in a row of the prediction, as a dim of its own; undefined = one, without such a dim. */
  readonly columns: number | undefined;
}
