/** Makes a model of the top that both of LightGBM's formats have. */
import type { Forest } from '../forest.ts';
import type { Finish, TreeModel } from '../tree-model.ts';
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
export function lightgbmModel(head: LightgbmHead, forest: Forest): TreeModel {
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
    forest,
    goesLeft,
    dtype: 'float64',
    base: new Float64Array(groups),
    finish: isAverage && trees > 0 ? averaged(trees / groups, finish) : finish,
    columns: groups === 1 ? undefined : groups,
  };
}

function averaged(iterations: number, finish: Finish): Finish {
  return (sums, groups) => {
    for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! / iterations;
    return finish(sums, groups);
  };
}
