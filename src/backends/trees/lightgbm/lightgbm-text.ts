/**
 * Reads LightGBM's text format: what `save_model("model.txt")` writes.
 *
 *     tree                        Tree=0
 *     version=v4                  num_leaves=3
 *     num_tree_per_iteration=1    num_cat=0
 *     max_feature_idx=3           split_feature=2 0          one entry for each split
 *     objective=binary sigmoid:1  left_child=1 -1            a child below 0 is leaf ~child
 *     average_output              leaf_value=0.1 -0.2 0.3
 *     …                           …                          a blank line ends a tree
 *
 * After the last tree stand the parameters and `pandas_categorical` (lightgbm-categories.ts).
 *
 * Errors are plain Errors.
 */
import { type FileNode, type Forest, ForestBuilder } from '../forest.ts';
import type { TreeModel } from '../tree-model.ts';
import { type CategoryLists, categoryLists, featureInfo } from './lightgbm-categories.ts';
import { checkHead, type LightgbmCategories, type LightgbmHead, lightgbmModel } from './lightgbm-model.ts';
import { MAX_DECISION_TYPE, ON_CATEGORIES } from './lightgbm-split.ts';

/** key → value; a word without "=" has the value ''. */
type Section = ReadonlyMap<string, string>;

const TREE = 'Tree';
const END = 'end of trees';
const PANDAS = 'pandas_categorical:';

/** Throws a plain Error for what is not served exactly as LightGBM predicts. */
export function readLightgbmText(text: string): TreeModel {
  const lines = linesOf(text);
  const top = readSection(lines, (line) => line.startsWith(`${TREE}=`) || line === END);
  const head: LightgbmHead = {
    version: top.section.get('version') ?? '',
    treesPerIteration: numberOf(top.section, 'num_tree_per_iteration', '1'),
    maxFeatureIndex: numberOf(top.section, 'max_feature_idx'),
    objective: top.section.get('objective') ?? '',
    featureNames: top.section.get('feature_names')?.split(' ') ?? [],
    isAverage: top.section.has('average_output'),
  };
  const forest = readTrees(lines, top.end, head);
  const infos = top.section.get('feature_infos')?.split(' ').map(featureInfo) ?? [];
  return lightgbmModel(head, forest, { infos, ...readCategories(lines) });
}

/** Reads on behind the trees: the parameters of the training, a line each, and the categories. */
function readCategories(lines: Iterable<string>): Omit<LightgbmCategories, 'infos'> {
  let declared: readonly number[] | undefined;
  let lists: CategoryLists | undefined;
  for (const line of lines) {
    const features = /^\[categorical_feature: ([\d,]*)\]$/.exec(line)?.[1];
    if (features !== undefined) declared = features === '' ? [] : features.split(',').map(Number);
    if (line.startsWith(PANDAS)) lists = categoryLists(parsed(line.slice(PANDAS.length)));
  }
  return { declared, lists };
}

/** Undefined = it is no JSON. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function readTrees(lines: Iterator<string>, first: string | undefined, head: LightgbmHead): Forest {
  const builder = new ForestBuilder(checkHead(head));
  for (let line = first; line !== END; ) {
    if (line === undefined) throw new Error(`it ends after ${builder.treeCount} trees, without "${END}"`);
    if (!line.startsWith(`${TREE}=`)) {
      throw new Error(`after ${builder.treeCount} trees it has ${JSON.stringify(line.slice(0, 60))}`);
    }
    const index = builder.treeCount;
    const tree = readSection(lines, (next) => next === '');
    try {
      addTree(builder, index % head.treesPerIteration, tree.section);
    } catch (error) {
      throw new Error(`tree ${index}: ${(error as Error).message}`);
    }
    line = nextFilled(lines);
  }
  return builder.build('float64');
}

function addTree(builder: ForestBuilder, group: number, tree: Section): void {
  const leaves = numberOf(tree, 'num_leaves');
  if (!(Number.isInteger(leaves) && leaves >= 1)) throw new Error(`num_leaves is ${leaves}`);
  if (tree.get('is_linear') === '1') throw new Error('its leaves are linear models; train with linear_tree=false');
  const value = numbersOf(tree, 'leaf_value', leaves);
  const splits = leaves - 1;
  const ofSplits = (key: string): readonly number[] => (splits === 0 ? [] : numbersOf(tree, key, splits));
  const feature = ofSplits('split_feature');
  const threshold = ofSplits('threshold');
  const type = ofSplits('decision_type');
  const left = ofSplits('left_child');
  const right = ofSplits('right_child');
  const sets = new CategorySets(tree);
  builder.addTree(group, leaves + splits, splits === 0 ? -1 : 0, (node): FileNode<number> => {
    if (!(Number.isInteger(node) && node < splits && ~node < leaves)) throw new Error(`a split leads to node ${node}`);
    if (node < 0) return { leaf: value[~node]! };
    const flags = checkedType(type[node]!);
    const children = { left: left[node]!, right: right[node]! };
    const split = { feature: feature[node]!, threshold: threshold[node]!, flags, ...children };
    return (flags & ON_CATEGORIES) === 0 ? split : { ...split, categories: sets.take(threshold[node]!) };
  });
}

function checkedType(type: number): number {
  if (Number.isInteger(type) && type >= 0 && type <= MAX_DECISION_TYPE) return type;
  throw new Error(`a split has the decision_type ${type}; known are 0 to ${MAX_DECISION_TYPE}`);
}

/** Sets of categories, by number: bits in the words from one boundary to the next. */
class CategorySets {
  readonly #boundaries: readonly number[];
  readonly #words: readonly number[];
  readonly #taken = new Set<number>();

  constructor(tree: Section) {
    const count = numberOf(tree, 'num_cat', '0');
    this.#boundaries = count > 0 ? numbersOf(tree, 'cat_boundaries', count + 1) : [0];
    this.#words = count > 0 ? numbersOf(tree, 'cat_threshold', this.#boundaries.at(-1)!) : [];
    if (this.#boundaries.some((bound, i) => !Number.isInteger(bound) || bound < (this.#boundaries[i - 1] ?? 0))) {
      throw new Error('cat_boundaries must be whole numbers that do not descend');
    }
  }

  /** A set belongs to one split: many that share a large one would stand for more than the file has. */
  *take(set: number): Iterable<number> {
    if (!(Number.isInteger(set) && set >= 0 && set < this.#boundaries.length - 1) || this.#taken.has(set)) {
      throw new Error(`a split has the set ${set} of categories, which is another split's or not there`);
    }
    this.#taken.add(set);
    const start = this.#boundaries[set]!;
    for (let word = start; word < this.#boundaries[set + 1]!; word++) {
      for (let bit = 0; bit < 32; bit++) if (((this.#words[word]! >>> bit) & 1) === 1) yield 32 * (word - start) + bit;
    }
  }
}

function* linesOf(text: string): Generator<string, undefined> {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end === -1 ? text.length : end);
    yield line.endsWith('\r') ? line.slice(0, -1) : line;
    start = end === -1 ? text.length : end + 1;
  }
}

/** Reads lines up to the one that ends the section; `end` is that one, undefined at the end of the file. */
function readSection(
  lines: Iterator<string>,
  isEnd: (line: string) => boolean,
): { readonly section: Section; readonly end: string | undefined } {
  const section = new Map<string, string>();
  for (;;) {
    const { value: line, done } = lines.next();
    if (done === true) return { section, end: undefined };
    if (isEnd(line)) return { section, end: line };
    const equals = line.indexOf('=');
    section.set(equals === -1 ? line : line.slice(0, equals), equals === -1 ? '' : line.slice(equals + 1));
  }
}

function nextFilled(lines: Iterator<string>): string | undefined {
  for (;;) {
    const { value: line, done } = lines.next();
    if (done === true) return undefined;
    if (line !== '') return line;
  }
}

function numberOf(section: Section, key: string, byDefault?: string): number {
  const text = section.get(key) ?? byDefault;
  if (text === undefined) throw new Error(`${key} is missing`);
  return readNumber(key, text);
}

function numbersOf(section: Section, key: string, count: number): number[] {
  const text = section.get(key);
  if (text === undefined) throw new Error(`${key} is missing`);
  const words = text.trim().split(' ');
  const length = words[0] === '' ? 0 : words.length;
  if (length !== count) throw new Error(`${key} has ${length} numbers, not ${count}`);
  return length === 0 ? [] : words.map((word) => readNumber(key, word));
}

/** LightGBM writes and reads by C: its split between all numbers and NaN has the threshold `inf`. */
const INFINITY = /^([+-]?)inf(?:inity)?$/i;

function readNumber(key: string, word: string): number {
  const infinity = INFINITY.exec(word);
  if (infinity !== null) return infinity[1] === '-' ? -Infinity : Infinity;
  const number = word === '' ? Number.NaN : Number(word);
  if (Number.isNaN(number)) throw new Error(`${key} has ${JSON.stringify(word.slice(0, 60))}, which is no number`);
  return number;
}
