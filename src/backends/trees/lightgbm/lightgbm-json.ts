/**
 * Reads LightGBM's model as JSON: what `json.dump(booster.dump_model())` writes. A node holds its children. Errors are
 * plain Errors.
 */
import { Fields } from '../fields.ts';
import { type FileNode, type Forest, ForestBuilder } from '../forest.ts';
import type { TreeModel } from '../tree-model.ts';
import { categoryLists, type FeatureInfo } from './lightgbm-categories.ts';
import { checkHead, type LightgbmCategories, type LightgbmHead, lightgbmModel } from './lightgbm-model.ts';
import { DEFAULT_LEFT, NAN_IS_MISSING, ON_CATEGORIES, ZERO_IS_MISSING } from './lightgbm-split.ts';

const MISSING_TYPES: ReadonlyMap<string, number> = new Map([
  ['None', 0],
  ['Zero', ZERO_IS_MISSING],
  ['NaN', NAN_IS_MISSING],
]);

/** The value of the file's JSON text. Throws a plain Error for what is not served exactly as LightGBM predicts. */
export function readLightgbmModel(json: unknown): TreeModel {
  const file = new Fields(json, '');
  const head: LightgbmHead = {
    version: file.has('version') ? file.text('version') : '',
    treesPerIteration: file.has('num_tree_per_iteration') ? file.number('num_tree_per_iteration') : 1,
    maxFeatureIndex: file.number('max_feature_idx'),
    objective: file.has('objective') ? file.text('objective') : '',
    featureNames: file.has('feature_names') ? file.texts('feature_names') : [],
    isAverage: file.has('average_output') && file.flag('average_output'),
  };
  return lightgbmModel(head, readTrees(file.list('tree_info'), head), readCategories(file, head));
}

/** The dump does not have the `categorical_feature` of the training, nor infos of features that were not used. */
function readCategories(file: Fields, { featureNames }: LightgbmHead): LightgbmCategories {
  const infos = file.has('feature_infos') ? file.object('feature_infos') : undefined;
  const infoOf = (name: string): FeatureInfo => {
    if (infos?.has(name) !== true) return { kind: 'unused' };
    const info = infos.object(name);
    const codes = info.numbers('values');
    if (codes.length > 0) return { kind: 'codes', codes };
    return { kind: 'numbers', least: info.number('min_value'), most: info.number('max_value') };
  };
  return {
    infos: infos === undefined ? [] : featureNames.map(infoOf),
    lists: file.has('pandas_categorical') ? categoryLists(file.list('pandas_categorical')) : undefined,
    declared: undefined,
  };
}

function readTrees(trees: readonly unknown[], head: LightgbmHead): Forest {
  const builder = new ForestBuilder(checkHead(head));
  for (const [i, tree] of trees.entries()) {
    try {
      const root = new Fields(tree, '').object('tree_structure');
      // Children inside their parents can form no cycle.
      builder.addTree(i % head.treesPerIteration, Infinity, root, readNode);
    } catch (error) {
      throw new Error(`tree ${i}: ${(error as Error).message}`);
    }
  }
  return builder.build('float64');
}

function readNode(node: Fields): FileNode<Fields> {
  if (node.has('leaf_const')) throw new Error('its leaves are linear models; train with linear_tree=false');
  if (!node.has('split_feature')) return { leaf: node.number('leaf_value') };
  const type = node.text('decision_type');
  if (type !== '<=' && type !== '==')
    throw new Error(`a split has the decision_type "${type}"; known are "<=" and "=="`);
  const missing = node.has('missing_type') ? MISSING_TYPES.get(node.text('missing_type')) : 0;
  if (missing === undefined) throw new Error(`a split has the missing_type "${node.text('missing_type')}"`);
  const isDefaultLeft = node.has('default_left') && node.flag('default_left');
  const flags = missing | (isDefaultLeft ? DEFAULT_LEFT : 0) | (type === '==' ? ON_CATEGORIES : 0);
  // The path is left out, because it would grow with each level.
  const children = { left: node.object('left_child', ''), right: node.object('right_child', '') };
  const split = { feature: node.number('split_feature'), flags, ...children };
  if (type === '<=') return { ...split, threshold: node.number('threshold') };
  return { ...split, threshold: 0, categories: categoriesOf(node.text('threshold')) };
}

/** "0||2||5" */
function categoriesOf(text: string): readonly number[] {
  return text === '' ? [] : text.split('||').map((word) => (word === '' ? Number.NaN : Number(word)));
}
