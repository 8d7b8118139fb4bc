/**
 * The values of a graph, as length-walk.ts follows them: what is known of their shape and of the bounds of their
 * elements for every length.
 *
 *     data      what comes from a request. Its elements are taken for ones, so that what counts them is a curve too
 *     length    a length is in the numbers
 *     table     many weights are in the numbers: they may do anything from one position to the next
 */
import type { TensorProto } from '../../../graph/graph-proto.ts';
import { ANY_NUMBER, type Bounds, between, type Curve, point, varies } from './curves.ts';

/** Undefined = not known, so it may be a length. */
export type Dims = readonly (Curve | undefined)[];

export interface Value {
  /** Undefined = of any rank. */
  readonly dims: Dims | undefined;
  /** The bounds of all elements. */
  readonly all: Bounds;
  /** The bounds of each element of a small tensor, in row-major order. */
  readonly elements?: readonly Bounds[] | undefined;
  readonly isData: boolean;
  readonly isLength: boolean;
  readonly isTable: boolean;
  /** Its dims are the same for all requests, known or not. */
  readonly isFixed?: boolean;
  /** Its elements are floats for sure. */
  readonly isFloat?: boolean | undefined;
}

/** Undefined = left out. */
export type Values = readonly (Value | undefined)[];

/** Tensors of more elements are known by the bounds of all. */
export const MOST_ELEMENTS = 64;
/** A constant of more elements is a table. */
export const MOST_SCALARS = 8;

/** Data of the model's inputs. */
export function given(dims: Dims | undefined, isFloat: boolean): Value {
  return { dims, all: point(1), isData: true, isLength: false, isTable: false, isFloat };
}

export function constant({ dims, elements, isFloat }: Omit<TensorProto, 'name'>): Value {
  const count = dims?.reduce((product, dim) => product * dim, 1);
  const flags = { isData: false, isLength: false, isFloat };
  if (elements === undefined) return { ...flags, dims, all: ANY_NUMBER, isTable: !((count ?? 0) <= MOST_SCALARS) };
  const lo = elements.reduce((least, element) => Math.min(least, element), Number.POSITIVE_INFINITY);
  const hi = elements.reduce((most, element) => Math.max(most, element), Number.NEGATIVE_INFINITY);
  const isTable = elements.length > MOST_SCALARS && lo !== hi;
  const all = lo === hi ? point(lo) : elements.length === 0 ? ANY_NUMBER : between(lo, hi, elements.length > 2);
  return { ...flags, dims, all, elements: elements.length > MOST_ELEMENTS ? undefined : elements.map(point), isTable };
}

/** A constant of which nothing is known. */
export const ANY_CONSTANT: Value = { ...constant({ dims: undefined, elements: undefined }), isFixed: true };

/** Some axis may be as long as a row. */
export function hasLengthAxis(value: Value): boolean {
  return lengthAxes(value) > 0;
}

/** How many axes may be as long as a row; 1 if the rank is not known. */
export function lengthAxes({ dims, isFixed }: Value): number {
  return isFixed === true ? 0 : (dims?.filter(isLengthDim).length ?? 1);
}

export function isLengthDim(dim: Curve | undefined): boolean {
  return typeof dim !== 'number';
}

/** Nothing in it depends on the request. */
export function isConstant(value: Value): boolean {
  return !value.isData && !value.isLength && !hasLengthAxis(value);
}

/** Its numbers come of lengths alone. */
export function isOfLengths(value: Value | undefined): boolean {
  return value?.isLength === true && !value.isData;
}

/** The bounds of each of `count` elements; undefined if they are not known one by one. */
export function elementsOf({ elements, dims }: Value, count?: number): readonly Bounds[] | undefined {
  const wanted = count ?? elements?.length;
  if (elements?.length === wanted) return elements;
  return elements?.length === 1 && wanted !== undefined && dims !== undefined
    ? Array.from({ length: wanted }, () => elements[0]!)
    : undefined;
}

/** The numbers of a small tensor that is the same for all lengths. */
export function numbersOf(value: Value | undefined): readonly number[] | undefined {
  const elements = value?.isData === true ? undefined : value?.elements;
  return elements?.every((bounds) => !varies(bounds) && bounds.lo === bounds.hi)
    ? elements.map(({ lo }) => lo as number)
    : undefined;
}

/** The number of elements of a tensor of fixed dims. */
export function countOf(dims: Dims | undefined): number | undefined {
  let count = 1;
  for (const dim of dims ?? [undefined]) {
    if (typeof dim !== 'number') return undefined;
    count *= dim;
  }
  return count;
}

/** The dims of the result of an operation on each pair of elements. */
export function broadcastDims(all: readonly (Dims | undefined)[]): Dims | undefined {
  if (all.some((dims) => dims === undefined)) return undefined;
  const rank = Math.max(0, ...all.map((dims) => dims!.length));
  return Array.from({ length: rank }, (_, i) => {
    const dims = all.map((each) => (i < rank - each!.length ? 1 : each![i - rank + each!.length]));
    const isCurve = (dim: Curve | undefined) => dim !== undefined && typeof dim !== 'number';
    // A dim that is not known may be 1, beside another that is known.
    const others = [dims.find(isCurve), dims.find((dim) => typeof dim === 'number' && dim !== 1)];
    return others.find((dim) => dim !== undefined) ?? (dims.includes(undefined) ? undefined : 1);
  });
}

/** The same bounds for each element of a tensor of these dims. */
export function filled(dims: Dims | undefined, all: Bounds): Pick<Value, 'dims' | 'all' | 'elements'> {
  const count = countOf(dims);
  const elements = count !== undefined && count <= MOST_ELEMENTS ? Array.from({ length: count }, () => all) : undefined;
  return { dims, all, elements };
}
