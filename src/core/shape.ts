/** Shapes: row-major, dim 0 outermost. In a TensorSpec -1 is a dim of any size. */

export type Shape = readonly number[];

/** The product of the dims: 1 for a scalar. No dim may be negative. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (let i = 0; i < shape.length; i++) count *= shape[i]!;
  return count;
}

/** More dims are counted: a caller may send hundreds. */
const MAX_SHOWN_DIMS = 20;

/** "[2,3]" for error texts, with "?" for -1. */
export function formatShape(shape: Shape | undefined): string {
  if (shape === undefined) return '[any rank]';
  const shown = shape.slice(0, MAX_SHOWN_DIMS).map((d) => (d === -1 ? '?' : String(d)));
  if (shape.length > MAX_SHOWN_DIMS) shown.push(`… and ${shape.length - MAX_SHOWN_DIMS} more`);
  return `[${shown.join(',')}]`;
}

/** Whether a tensor's shape fits a spec's (undefined = any rank, -1 = any size). */
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

/** The shape with another number of rows at the dim `axis`. */
export function withRows(shape: Shape, axis: number, rows: number): Shape {
  if (shape[axis] === rows) return shape;
  const changed = shape.slice();
  changed[axis] = rows;
  return changed;
}
