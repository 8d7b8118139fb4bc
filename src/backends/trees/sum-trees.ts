/**
 * Runs rows through a forest. Rows are taken in blocks, and each block goes through one tree after the other, whose
 * upper levels then stay in the cache. For each row the leaves are added in the order of the trees, as the libraries do
 * it, so sums are theirs to the bit. Nothing is allocated.
 */
import type { Floats, Forest } from './forest.ts';

/** Whether the split sends the value to its left child. */
export type GoesLeft = (forest: Forest, node: number, value: number) => boolean;

const BLOCK_ROWS = 64;

/**
 * Adds the leaf of each tree to its row's sum of the tree's group.
 * @param x row-major, [rows, columns]
 * @param sums row-major, [rows, groups]
 */
export function sumTrees(
  forest: Forest,
  goesLeft: GoesLeft,
  x: Floats,
  columns: number,
  sums: Floats,
  groups: number,
): void {
  const { roots } = forest;
  const rows = sums.length / groups;
  for (let start = 0; start < rows; start += BLOCK_ROWS) {
    const end = Math.min(start + BLOCK_ROWS, rows);
    for (let tree = 0; tree < roots.length; tree++) {
      const group = forest.groups[tree]!;
      for (let row = start; row < end; row++) {
        sums[row * groups + group]! += leafOf(forest, goesLeft, roots[tree]!, x, row * columns);
      }
    }
  }
}

/** The value of the leaf that the row at `offset` reaches. */
function leafOf(forest: Forest, goesLeft: GoesLeft, root: number, x: Floats, offset: number): number {
  const { feature, right, value } = forest;
  let node = root;
  for (let column = feature[node]!; column >= 0; column = feature[node]!) {
    node = goesLeft(forest, node, x[offset + column]!) ? node + 1 : right[node]!;
  }
  return value[node]!;
}
