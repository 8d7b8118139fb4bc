/**
 * Decision trees as flat arrays, and the builder that checks them.
 *
 * All nodes of all trees follow each other in preorder, so a split's left child is the next node:
 *
 *     tree 0: split ─ left ────────┐ right         feature  [ 2    -1   -1 | 0 …      -1 = a leaf
 *               0      1           └──▶ 2          value    [ 0.5  -3    4 | …        a split's threshold, a leaf's value
 *                                                  right    [ 2     0    0 | …        a split's right child
 *
 * The library's own rule decides whether a split sends a value left (xgboost-split.ts, lightgbm-split.ts),
 * which reads `flags`. A split on categories has the number of its set in `value`. A set is a row of bits: bit c is set
 * for category c.
 */
import { SetBuilder } from './set-builder.ts';

export type FloatDType = 'float32' | 'float64';
export type Floats = Float32Array | Float64Array;

export interface Forest {
  /** The input's column that a split asks; -1 = the node is a leaf. */
  readonly feature: Int32Array;
  readonly value: Floats;
  readonly right: Int32Array;
  /** The bits of the library's split rule, by node. */
  readonly flags: Uint8Array;
  /** The first node of each tree. */
  readonly roots: Int32Array;
  /** The sum that the leaves of each tree are added to. */
  readonly groups: Int32Array;
  /** The first word of each set of categories. The last entry is the end of the last set. */
  readonly setStarts: Int32Array;
  readonly setWords: Uint32Array;
}

/** A node as the file has it. Children are named by the file's own keys, which the caller's `read` understands. */
export type FileNode<K> = FileLeaf | FileSplit<K>;

export interface FileLeaf {
  readonly leaf: number;
}

export interface FileSplit<K> {
  readonly leaf?: undefined;
  readonly feature: number;
  /** Unused if the split has categories. */
  readonly threshold: number;
  readonly flags: number;
  readonly left: K;
  readonly right: K;
  /** The set's categories, each at least 0; undefined = a numeric split. */
  readonly categories?: Iterable<number> | undefined;
}

/** Deeper trees are refused: a row would take that many steps in each of them. Trained trees have tens of levels. */
export const MAX_DEPTH = 4096;

interface Pending<K> {
  readonly key: K;
  /** The split whose right child it is; -1 = a left child, or the root. */
  readonly rightOf: number;
  readonly depth: number;
}

/** Collects trees. Its errors are plain Errors whose text completes "tree 3: …". */
export class ForestBuilder {
  readonly #featureCount: number;
  readonly #feature: number[] = [];
  readonly #value: number[] = [];
  readonly #right: number[] = [];
  readonly #flags: number[] = [];
  readonly #roots: number[] = [];
  readonly #groups: number[] = [];
  readonly #sets = new SetBuilder();

  constructor(featureCount: number) {
    this.#featureCount = featureCount;
  }

  get treeCount(): number {
    return this.#roots.length;
  }

  /**
   * Adds a tree. `nodeCount`: nodes that the file has for it; a tree that visits more is a cycle, or shares a child.
   */
  addTree<K>(group: number, nodeCount: number, root: K, read: (key: K) => FileNode<K>): void {
    this.#roots.push(this.#feature.length);
    this.#groups.push(group);
    const pending: Pending<K>[] = [{ key: root, rightOf: -1, depth: 0 }];
    for (let visited = 1; pending.length > 0; visited++) {
      if (visited > nodeCount) {
        throw new Error(`its children form no tree: more than its ${nodeCount} nodes are reached`);
      }
      const { key, rightOf, depth } = pending.pop()!;
      if (depth > MAX_DEPTH) throw new Error(`it is deeper than ${MAX_DEPTH} levels`);
      const index = this.#feature.length;
      if (rightOf >= 0) this.#right[rightOf] = index;
      const node = read(key);
      if (node.leaf !== undefined) {
        this.#addLeaf(node.leaf);
        continue;
      }
      this.#addSplit(node);
      pending.push({ key: node.right, rightOf: index, depth: depth + 1 });
      pending.push({ key: node.left, rightOf: -1, depth: depth + 1 });
    }
  }

  /** The trees so far. `dtype`: the type in which the library compares and adds. */
  build(dtype: FloatDType): Forest {
    return {
      feature: Int32Array.from(this.#feature),
      value: dtype === 'float32' ? Float32Array.from(this.#value) : Float64Array.from(this.#value),
      right: Int32Array.from(this.#right),
      flags: Uint8Array.from(this.#flags),
      roots: Int32Array.from(this.#roots),
      groups: Int32Array.from(this.#groups),
      ...this.#sets.build(),
    };
  }

  #addLeaf(value: number): void {
    if (!Number.isFinite(value)) throw new Error(`a leaf's value is ${value}; it must be a finite number`);
    this.#add(-1, value, 0);
  }

  #addSplit<K>({ feature, threshold, flags, categories }: FileSplit<K>): void {
    if (!Number.isInteger(feature) || feature < 0 || feature >= this.#featureCount) {
      throw new Error(`a split asks feature ${feature}, but the model has ${this.#featureCount} features`);
    }
    if (categories === undefined && !(typeof threshold === 'number' && !Number.isNaN(threshold))) {
      throw new Error(`a split's threshold is ${threshold}; it must be a number`);
    }
    this.#add(feature, categories === undefined ? threshold : this.#sets.add(categories), flags);
  }

  #add(feature: number, value: number, flags: number): void {
    this.#feature.push(feature);
    this.#value.push(value);
    this.#right.push(0);
    this.#flags.push(flags);
  }
}

/** The set holds the category, a whole number from 0. */
export function isInSet({ setStarts, setWords }: Forest, set: number, category: number): boolean {
  const word = setStarts[set]! + (category >>> 5);
  return word < setStarts[set + 1]! && ((setWords[word]! >>> (category & 31)) & 1) === 1;
}
