/** Makes a model of the top that both of LightGBM's formats have. */
import type { Category } from '../../../core/columns/columns.ts';
import type { Forest } from '../forest.ts';
import type { Finish, TreeModel } from '../tree-model.ts';
import { type CategoryLists, type FeatureInfo, mayHave, type Paired, pairCategories } from './lightgbm-categories.ts';
import { finishOf } from './lightgbm-objectives.ts';
import { goesLeft } from './lightgbm-split.ts';

const MAX_FEATURES = 2 ** 24;
const MAX_GROUPS = 2 ** 16;

export interface LightgbmHead {
  /** "v4"; '' = not said. */
  readonly version: string;
  readonly treesPerIteration: number;
  /** The last column. */
  readonly maxFeatureIndex: number;
  /** The objective with its parameters; '' = none. */
  readonly objective: string;
  readonly featureNames: readonly string[];
  /** A random forest: sums are divided by the iterations. */
  readonly isAverage: boolean;
}

/** The part of the file about categories. */
export interface LightgbmCategories {
  /** The values that the training met in each feature. Another number than the features' = not known. */
  readonly infos: readonly FeatureInfo[];
  /** `pandas_categorical`; undefined = there is none that can be read. */
  readonly lists: CategoryLists | undefined;
  /** `categorical_feature` of the training; undefined = not known. */
  readonly declared: readonly number[] | undefined;
}

/** Throws a plain Error. Returns the columns of the input. */
export function checkHead({ treesPerIteration, maxFeatureIndex }: LightgbmHead): number {
  if (!(Number.isInteger(maxFeatureIndex) && maxFeatureIndex >= 0 && maxFeatureIndex < MAX_FEATURES)) {
    throw new Error(`max_feature_idx is ${maxFeatureIndex}; it must be a whole number from 0 to ${MAX_FEATURES - 1}`);
  }
  if (!(Number.isInteger(treesPerIteration) && treesPerIteration >= 1 && treesPerIteration <= MAX_GROUPS)) {
    throw new Error(
      `num_tree_per_iteration is ${treesPerIteration}; it must be a whole number from 1 to ${MAX_GROUPS}`,
    );
  }
  return maxFeatureIndex + 1;
}

/** Throws a plain Error. */
export function lightgbmModel(head: LightgbmHead, forest: Forest, categories: LightgbmCategories): TreeModel {
  const { version, treesPerIteration: groups, objective, isAverage } = head;
  const trees = forest.roots.length;
  if (trees % groups !== 0)
    throw new Error(`it has ${trees} trees, which is no multiple of ${groups} for each iteration`);
  const finish = finishOf(objective);
  return {
    maker: `LightGBM ${version}`.trim(),
    objective,
    featureCount: checkHead(head),
    featureNames: head.featureNames,
    ...categoriesOf(categories, checkHead(head)),
    // Its predict() takes a category that the training did not have for a missing value.
    unknownCategory: 'missing',
    forest,
    goesLeft,
    dtype: 'float64',
    base: new Float64Array(groups),
    finish: isAverage && trees > 0 ? averaged(trees / groups, finish) : finish,
    columns: groups === 1 ? undefined : groups,
  };
}

function categoriesOf(
  { infos, lists = [], declared }: LightgbmCategories,
  featureCount: number,
): Pick<TreeModel, 'categories' | 'whyCodes' | 'mayHave'> {
  const isKnown = infos.length === featureCount;
  const paired: Paired = isKnown ? pairCategories(lists, infos, declared) : new Map();
  const why =
    lists.length > paired.size
      ? 'the file has lists of categories without saying whose they are, and more than one feature fits'
      : 'the file has no categories for it';
  return {
    categories: paired,
    whyCodes: (feature) => (infos[feature]?.kind === 'codes' || lists.length > paired.size ? why : undefined),
    mayHave: (feature, list) =>
      (!isKnown || mayHave(infos[feature], list)) && (lists.length === 0 || lists.some((each) => areEqual(each, list))),
  };
}

function areEqual(one: readonly Category[], other: readonly Category[]): boolean {
  return one.length === other.length && one.every((category, code) => category === other[code]);
}

function averaged(iterations: number, finish: Finish): Finish {
  return (sums, groups) => {
    for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! / iterations;
    return finish(sums, groups);
  };
}
