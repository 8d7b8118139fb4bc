/**
 * Reads XGBoost's model.json: what `save_model("model.json")` writes since XGBoost 1.0. XGBoost's docs have its schema
 * ("Introduction to Model IO"). Numbers are float32, printed so that they read back to the same bits.
 */
import { Fields } from '../fields.ts';
import { type Forest, ForestBuilder } from '../forest.ts';
import type { TreeModel } from '../tree-model.ts';
import { readXgboostCategories } from './xgboost-categories.ts';
import { XGBOOST_OBJECTIVES } from './xgboost-objectives.ts';
import { goesLeft } from './xgboost-split.ts';
import { readXgboostTree } from './xgboost-tree.ts';

const MAX_FEATURES = 2 ** 24;
const MAX_GROUPS = 2 ** 16;

/** The value of the file's JSON text. Throws a plain Error for what is not served exactly as XGBoost predicts. */
export function readXgboostModel(json: unknown): TreeModel {
  const file = new Fields(json, '');
  const learner = file.object('learner');
  const parameters = learner.object('learner_model_param');
  const objective = learner.object('objective').text('name');
  const known = XGBOOST_OBJECTIVES.get(objective);
  if (known === undefined) {
    throw new Error(`objective "${objective}" is not served; use ${[...XGBOOST_OBJECTIVES.keys()].join(', ')}`);
  }
  const featureCount = parameters.count('num_feature', 1, MAX_FEATURES);
  const groups = groupsOf(parameters);
  const booster = boosterOf(learner.object('gradient_booster'));
  const forest = readTrees(booster, featureCount, groups);
  const toMargin = isMargin(parameters, forest) ? undefined : known.toMargin;
  return {
    maker: `XGBoost ${file.has('version') ? file.numbers('version').join('.') : ''}`.trim(),
    objective,
    featureCount,
    featureNames: learner.has('feature_names') ? learner.texts('feature_names') : [],
    ...readXgboostCategories(learner, booster.model, featureCount),
    forest,
    goesLeft,
    dtype: 'float32',
    base: baseMargins(parameters, groups, toMargin ?? ((score) => score)),
    finish: known.finish,
    columns: groups === 1 || known.isSingle === true ? undefined : groups,
  };
}

/** Sums of a row: one for each class, or for each target. */
function groupsOf(parameters: Fields): number {
  const classes = parameters.has('num_class') ? parameters.count('num_class', 0, MAX_GROUPS) : 0;
  // `num_target` exists since XGBoost 1.6.
  const targets = parameters.has('num_target') ? parameters.count('num_target', 0, MAX_GROUPS) : 1;
  if (classes > 1 && targets > 1) throw new Error(`it has ${classes} classes and ${targets} targets, not one of both`);
  return Math.max(classes, targets, 1);
}

interface Booster {
  /** `model` of the file. */
  readonly model: Fields;
  /** DART's factors by tree; undefined = all are 1. */
  readonly weights: readonly number[] | undefined;
}

function boosterOf(booster: Fields): Booster {
  const name = booster.text('name');
  if (name === 'gbtree') return { model: booster.object('model'), weights: undefined };
  if (name !== 'dart') throw new Error(`booster "${name}" has no trees; train with booster "gbtree" or "dart"`);
  return { model: booster.object('gbtree').object('model'), weights: booster.numbers('weight_drop') };
}

function readTrees({ model, weights }: Booster, featureCount: number, groups: number): Forest {
  const trees = model.list('trees');
  const groupOf = model.numbers('tree_info', trees.length);
  if (weights !== undefined && weights.length !== trees.length) {
    throw new Error(`weight_drop has ${weights.length} numbers for ${trees.length} trees`);
  }
  const builder = new ForestBuilder(featureCount);
  for (const [i, tree] of trees.entries()) {
    const group = groupOf[i]!;
    if (!(Number.isInteger(group) && group >= 0 && group < groups)) {
      throw new Error(`tree_info[${i}] is ${group}, but the model has ${groups} outputs`);
    }
    try {
      readXgboostTree(builder, group, new Fields(tree, ''), weights?.[i] ?? 1);
    } catch (error) {
      throw new Error(`tree ${i}: ${(error as Error).message}`);
    }
  }
  return builder.build('float32');
}

/**
 * base_score starts the sums as it is. Since XGBoost 3.1, which writes it as a list, that is so in a model that was never
 * trained: nobody has given or estimated it.
 */
function isMargin(parameters: Fields, { roots }: Forest): boolean {
  if (roots.length > 0 || !parameters.has('boost_from_average')) return false;
  return parameters.count('boost_from_average', 0, 1) === 1 && baseScore(parameters).trimStart().startsWith('[');
}

function baseScore(parameters: Fields): string {
  return parameters.has('base_score') ? parameters.text('base_score') : '5E-1';
}

/** base_score is one number or, since XGBoost 3.1, a list with one for each group: "5E-1", "[1E-1,2E-1]". */
function baseMargins(parameters: Fields, groups: number, toMargin: (score: number) => number): Float32Array {
  const text = baseScore(parameters);
  const scores = text.replace(/^\s*\[(.*)\]\s*$/, '$1').split(',');
  if (scores.length !== 1 && scores.length !== groups) {
    throw new Error(`base_score has ${scores.length} numbers; the model has ${groups} outputs`);
  }
  const margins = scores.map((score) => {
    const margin = score.trim() === '' ? Number.NaN : toMargin(Math.fround(Number(score)));
    if (Number.isFinite(margin)) return margin;
    throw new Error(`base_score ${JSON.stringify(text.slice(0, 60))} is not in the range of the objective`);
  });
  return Float32Array.from({ length: groups }, (_, group) => margins[scores.length === 1 ? 0 : group]!);
}
