/** Shapes: row-major, dim 0 outermost. In a TensorSpec -1 stands for a dim that the caller chooses. */

export type Shape = readonly number[];

/** Product of the dims: 1 for a scalar. The caller has checked that no dim is negative. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (let i = 0; i < shape.length; i++) count *= shape[i]!;
  return count;
}

/** "[2,3]", as messages show it; -1 as "?". */
export function formatShape(shape: Shape | undefined): string {
  if (shape === undefined) return '[any rank]';
  return `[${shape.map((d) => (d === -1 ? '?' : String(d))).join(',')}]`;
}

/** Does a concrete shape fit a spec's (undefined = any rank, -1 = any size)? */
export function shapeFits(shape: Shape, spec: Shape | undefined): boolean {
  if (spec === undefined) return true;
  if (shape.length !== spec.length) return false;
  for (let i = 0; i < shape.length; i++) if (spec[i] !== -1 && spec[i] !== shape[i]) return false;
  return true;
}

export function shapesEqual(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
