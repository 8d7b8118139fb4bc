import assert from 'node:assert/strict';
import { readLightgbmText } from '../../../src/backends/trees/lightgbm/lightgbm-text.ts';
import { sumTrees } from '../../../src/backends/trees/sum-trees.ts';
import { readTreeJson } from '../../../src/backends/trees/tree-file.ts';
import type { TreeModel } from '../../../src/backends/trees/tree-model.ts';
import { leaf, lightgbmStump, lightgbmText, stump, xgboostModel } from '../../support/tree-models.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

const CATEGORIES = {
  ...{ split_type: [1, 0, 0], categories: [1, 40] },
  ...{ categories_nodes: [0], categories_segments: [0], categories_sizes: [2] },
};
const DUMP = {
  name: 'tree',
  max_feature_idx: 1,
  tree_info: [
    {
      tree_structure: {
        ...{ split_feature: 1, threshold: '0||3', decision_type: '==', default_left: true, missing_type: 'Zero' },
        ...{ left_child: { leaf_value: 1 }, right_child: { leaf_value: 2 } },
      },
    },
  ],
};
/** A file's columns take memory, up to 64 MiB for a row. */
const MOST_FEATURES = 1000;

export const target: FuzzTarget = {
  says: 'files of trees of XGBoost and LightGBM: what is served predicts numbers',
  maxBytes: 2048,
  words: [
    'Tree=1',
    '\n\n',
    'num_leaves=',
    'left_child=',
    '-1',
    '"left_children":[',
    '[',
    ']',
    'NaN',
    '1e999',
    '||',
    '"=="',
  ],
  seeds: [
    JSON.stringify(xgboostModel({ trees: [{ ...stump(0, 0.5, 1, 2), ...CATEGORIES }, leaf(3)] })),
    lightgbmText({ trees: [lightgbmStump(0, 0.5, 1, 2, 10), { num_leaves: 1, leaf_value: 7 }] }),
    JSON.stringify(DUMP),
  ],
  run(bytes) {
    const text = bytes.toString('utf8');
    const model = text.startsWith('{') ? orError(() => readTreeJson(text)) : orError(() => readLightgbmText(text));
    if (model === undefined || model.featureCount > MOST_FEATURES) return;
    const row = [Number.NaN, 0, -1, 1e9, 40];
    const x = Float64Array.from({ length: row.length * model.featureCount }, (_, i) => row[i % row.length]!);
    const sums = new Float64Array(row.length * model.base.length);
    sumTrees(model.forest, model.goesLeft, x, model.featureCount, sums, model.base.length);
    assert.ok(!sums.some(Number.isNaN), 'the sum of finite leaves is a number');
  },
};

/** Undefined for a file that is refused. Any other error than a plain one is a fault. */
function orError(read: () => TreeModel): TreeModel | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as Error).constructor === Error || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
