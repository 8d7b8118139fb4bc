/** Reads one tree of XGBoost's model.json: lists with an entry for each node. Node 0 is the root. */
import { type Fields, show } from '../fields.ts';
import type { FileNode, ForestBuilder } from '../forest.ts';
import { DEFAULT_LEFT, ON_CATEGORIES } from './xgboost-split.ts';

/** The child of a leaf in the file. */
const NO_NODE = -1;
/** `split_type` of a split on categories. */
const CATEGORICAL = 1;

/** Throws a plain Error. `weight`: the factor of its leaves. */
export function readXgboostTree(builder: ForestBuilder, group: number, tree: Fields, weight: number): void {
  const left = tree.numbers('left_children');
  const count = left.length;
  const right = tree.numbers('right_children', count);
  const feature = tree.numbers('split_indices', count);
  // A split's threshold, a leaf's value. XGBoost 2 writes NaN where a split is on categories.
  const condition = tree.list('split_conditions', count);
  // Numbers, or booleans before XGBoost 1.7.
  const isDefaultLeft = tree.list('default_left', count);
  const type = tree.has('split_type') ? tree.numbers('split_type', count) : [];
  checkLeaves(tree);
  const categoriesOf = readCategories(tree);
  builder.addTree(group, count, 0, (node): FileNode<number> => {
    if (!(Number.isInteger(node) && node >= 0 && node < count)) {
      throw new Error(`a split leads to node ${node}; there are ${count} nodes`);
    }
    if (left[node] === NO_NODE) return { leaf: Math.fround(float32At(condition, node) * Math.fround(weight)) };
    const flags = Number(isDefaultLeft[node]) === 1 ? DEFAULT_LEFT : 0;
    const split = { feature: feature[node]!, left: left[node]!, right: right[node]! };
    if (type[node] !== CATEGORICAL) return { ...split, threshold: float32At(condition, node), flags };
    const categories = categoriesOf.get(node);
    if (categories === undefined) throw new Error(`node ${node} splits on categories, but has none`);
    return { ...split, threshold: 0, flags: flags | ON_CATEGORIES, categories };
  });
}

function float32At(condition: readonly unknown[], node: number): number {
  const value = condition[node];
  if (typeof value === 'number') return Math.fround(value);
  throw new Error(`split_conditions[${node}] is ${show(value)}, not a number`);
}

function checkLeaves(tree: Fields): void {
  if (!tree.has('tree_param')) return;
  const parameters = tree.object('tree_param');
  const size = parameters.has('size_leaf_vector') ? parameters.number('size_leaf_vector') : 0;
  if (size > 1) {
    throw new Error(`its leaves have ${size} values each; train with multi_strategy="one_output_per_tree" to serve it`);
  }
}

/** The categories that go right, by node. They lie in one list, `categories`, one after the other. */
function readCategories(tree: Fields): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, readonly number[]>();
  if (!tree.has('categories_nodes')) return found;
  const nodes = tree.numbers('categories_nodes');
  const starts = tree.numbers('categories_segments', nodes.length);
  const sizes = tree.numbers('categories_sizes', nodes.length);
  const categories = tree.numbers('categories');
  let total = 0;
  for (const [i, node] of nodes.entries()) {
    const [start, size] = [starts[i]!, sizes[i]!];
    const isInside = Number.isInteger(start) && Number.isInteger(size) && start >= 0 && size >= 0;
    total += size;
    // Segments that overlap could stand for far more categories than the file has.
    if (!isInside || start + size > categories.length || total > categories.length) {
      throw new Error(`node ${node} has ${size} categories from ${start} on; there are ${categories.length} in all`);
    }
    found.set(node, categories.slice(start, start + size));
  }
  return found;
}
