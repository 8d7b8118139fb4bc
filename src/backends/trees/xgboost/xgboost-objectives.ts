/**
 * XGBoost's objectives: how base_score becomes the start of the trees' sums, and what becomes of the sums. In float32,
 * as XGBoost computes them. Source: src/objective/ of XGBoost, each objective's ProbToMargin and PredTransform.
 */
import { argmax, asTheyAre, each, exponential, softmax } from '../finish.ts';
import type { Finish } from '../tree-model.ts';

export interface XgboostObjective {
  /** base_score → where the sums start; absent = as it is. Not a number = base_score is out of its range. */
  readonly toMargin?: (baseScore: number) => number;
  readonly finish: Finish;
  /** A row of the prediction is one number, whatever the number of classes. */
  readonly isSingle?: boolean;
}

/** The largest exponent for which XGBoost's sigmoid computes exp. */
const MAX_EXPONENT = 88.7;
const { fround } = Math;

const sigmoid = each((x) => 1 / fround(fround(Math.exp(Math.min(-x, MAX_EXPONENT))) + 1));
const logit = (p: number): number => (p > 0 && p < 1 ? -Math.log(fround(fround(1 / p) - 1)) : Number.NaN);
const log = (mean: number): number => (mean > 0 ? Math.log(mean) : Number.NaN);

const IDENTITY: XgboostObjective = { finish: asTheyAre };
const LOGISTIC: XgboostObjective = { toMargin: logit, finish: sigmoid };
const LOG_LINK: XgboostObjective = { toMargin: log, finish: exponential };

/** The objectives by name. Others, such as reg:expectileerror, are refused: their finish is not known here. */
export const XGBOOST_OBJECTIVES: ReadonlyMap<string, XgboostObjective> = new Map<string, XgboostObjective>([
  ['reg:squarederror', IDENTITY],
  // Its name before XGBoost 0.90.
  ['reg:linear', IDENTITY],
  ['reg:squaredlogerror', IDENTITY],
  ['reg:pseudohubererror', IDENTITY],
  ['reg:absoluteerror', IDENTITY],
  ['reg:quantileerror', IDENTITY],
  ['rank:pairwise', IDENTITY],
  ['rank:ndcg', IDENTITY],
  ['rank:map', IDENTITY],
  ['reg:logistic', LOGISTIC],
  ['binary:logistic', LOGISTIC],
  // Its base_score is a margin already since XGBoost 1.3.1.
  ['binary:logitraw', IDENTITY],
  ['binary:hinge', { finish: each((x) => (x > 0 ? 1 : 0)) }],
  ['count:poisson', LOG_LINK],
  ['reg:gamma', LOG_LINK],
  ['reg:tweedie', LOG_LINK],
  ['survival:cox', LOG_LINK],
  ['survival:aft', LOG_LINK],
  ['multi:softprob', { finish: softmax }],
  ['multi:softmax', { finish: argmax, isSingle: true }],
]);
