/** A model of trees, whichever library made it. */
import type { Category, Columns } from '../../core/columns/columns.ts';
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
  /** The categories of features by code, where the file has them for certain. */
  readonly categories: ReadonlyMap<number, readonly Category[]>;
  /** Why a feature that may hold categories has none here, as a clause; undefined = it holds numbers. */
  readonly whyCodes: (feature: number) => string | undefined;
  /** The categories do not contradict what the file tells of the feature. */
  readonly mayHave: (feature: number, categories: readonly Category[]) => boolean;
  /** The way of its library with a category that the training did not have. */
  readonly unknownCategory: Columns['unknownCategory'];
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
