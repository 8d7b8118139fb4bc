/** Operands of a kind that a step wants: values of a type, constants that broadcast, axes, indices. */
import { ELEMENT_TYPES } from '../support/onnx-graph.ts';
import { type Drawn, type ElementType, type GraphDraft, misfit, ROWS, sizeOfDims } from './graph-draft.ts';

export const FLOATS: readonly ElementType[] = ['float', 'double'];
export const INTEGERS: readonly ElementType[] = ['int64', 'int32', 'int8', 'uint8'];
export const NUMBERS: readonly ElementType[] = [...FLOATS, ...INTEGERS];

/** A value cast to the type. */
export function cast(draft: GraphDraft, value: Drawn, type: ElementType): Drawn {
  if (value.type === type) return value;
  if (draft.opset < 9 && (value.type === 'string' || type === 'string')) throw misfit();
  return draft.one('Cast', [value], type, value.dims, { to: ELEMENT_TYPES[type] });
}

/** A value of one of the types; another is cast where there is none. */
export function ofType(
  draft: GraphDraft,
  types: readonly ElementType[],
  fits: (value: Drawn) => boolean = () => true,
): Drawn {
  const all = draft.seen.filter((value) => types.includes(value.type) && fits(value));
  if (all.length > 0 && !draft.draw.oneIn(12)) {
    return draft.some((value) => types.includes(value.type) && fits(value));
  }
  const other = draft.some((value) => value.type !== 'string' && fits(value));
  return cast(draft, other, draft.draw.pick(types));
}

/** A float32 value, as most ops take. */
export function floatValue(draft: GraphDraft, fits?: (value: Drawn) => boolean): Drawn {
  return ofType(draft, ['float'], fits);
}

/** Of that rank; one of another is given dims of 1, or put together, until it is. */
export function floatOfRank(draft: GraphDraft, rank: number): Drawn {
  const all = draft.seen.filter(({ type, dims }) => type === 'float' && dims.length === rank);
  if (all.length > 0 && !draft.draw.oneIn(4)) {
    return draft.some(({ type, dims }) => type === 'float' && dims.length === rank);
  }
  let value = floatValue(draft);
  while (value.dims.length < rank) value = unsqueeze(draft, value, draft.draw.between(0, value.dims.length));
  if (value.dims.length === rank) return value;
  const shape = [...value.dims.slice(0, rank - 1), sizeOfDims(value.dims.slice(rank - 1))];
  return draft.one('Reshape', [value, draft.ints(...shape.map((_, at) => (at < rank - 1 ? 0 : -1)))], 'float', shape);
}

export function unsqueeze(draft: GraphDraft, value: Drawn, axis: number): Drawn {
  const dims = value.dims.toSpliced(axis, 0, 1);
  const given = signed(draft, axis, dims.length, draft.opset >= 11);
  if (draft.opset < 13) return draft.one('Unsqueeze', [value], value.type, dims, { axes: [given] });
  return draft.one('Unsqueeze', [value, draft.ints(given)], value.type, dims);
}

export function squeeze(draft: GraphDraft, value: Drawn, axis: number): Drawn {
  const dims = value.dims.toSpliced(axis, 1);
  const given = signed(draft, axis, value.dims.length, draft.opset >= 11);
  if (draft.opset < 13) return draft.one('Squeeze', [value], value.type, dims, { axes: [given] });
  return draft.one('Squeeze', [value, draft.ints(given)], value.type, dims);
}

/** The axis, sometimes counted from the end. */
export function signed(draft: GraphDraft, axis: number, rank: number, isAllowed: boolean): number {
  return isAllowed && draft.draw.oneIn(3) ? axis - rank : axis;
}

/** An axis of the value, rather not the one that looks like the rows'. Throws StepDoesNotFit for a scalar. */
export function someAxis(draft: GraphDraft, value: Drawn, from = 0): number {
  const axes = value.dims.flatMap((_, axis) => (axis >= from ? [axis] : []));
  if (axes.length === 0) throw misfit();
  const others = axes.filter((axis) => value.dims[axis]! % ROWS !== 0);
  return draft.draw.pick(others.length > 0 && !draft.draw.oneIn(5) ? others : axes);
}

/** Dims that broadcast with `dims`: some of 1, and some left out in front. */
export function narrower(draft: GraphDraft, dims: readonly number[]): number[] {
  const cut = draft.draw.oneIn(2) ? draft.draw.between(0, dims.length) : 0;
  const isBatch = (dim: number) => dim % ROWS === 0 && dim > 0;
  return dims
    .slice(cut)
    .map((dim) => (draft.draw.oneIn(isBatch(dim) ? 20 : 3) || (isBatch(dim) && !draft.draw.oneIn(12)) ? 1 : dim));
}

const SMALL_NUMBERS = [-2, -1.5, -1, -0.75, -0.5, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3];
const ODD_NUMBERS: Readonly<Partial<Record<ElementType, readonly number[]>>> = {
  float: [0, -0, 1e30, -1e30, Number.NaN, Number.POSITIVE_INFINITY, 1e-30, 16777217],
  double: [0, 1e300, -1e300, Number.NEGATIVE_INFINITY],
  int32: [0, 2 ** 31 - 1, -(2 ** 31), 2 ** 30, 65536],
  int64: [0, 2 ** 31, -(2 ** 31), 2 ** 32 + 1, 2 ** 53],
  int8: [127, -128, 100],
  uint8: [255, 128, 200, 0],
};

/** Numbers that differ from place to place; a few are odd ones. */
export function weights(draft: GraphDraft, type: ElementType, dims: readonly number[], isTame = false): Drawn {
  const { draw } = draft;
  const isOdd = !isTame && draw.oneIn(8);
  const values = Array.from({ length: sizeOfDims(dims) }, () => {
    if (isOdd && draw.oneIn(3)) return draw.pick(ODD_NUMBERS[type] ?? [0]);
    if (type === 'float' || type === 'double') return draw.pick(SMALL_NUMBERS);
    return type === 'bool' ? draw.below(2) : draw.between(type === 'uint8' ? 1 : -3, 5) || 1;
  });
  if (type === 'string')
    return draft.constant(
      type,
      dims,
      values.map((_, i) => draw.pick(['a', 'B', 'c1', '1', '']) + (i % 2)),
    );
  return draft.constant(type, dims, values);
}

/** Broadcast dims as NumPy has it; undefined if they do not fit. */
export function broadcastDims(...all: readonly (readonly number[])[]): number[] | undefined {
  const rank = Math.max(...all.map((dims) => dims.length));
  const result: number[] = [];
  for (let at = 0; at < rank; at++) {
    const sizes = new Set(all.map((dims) => dims[at - (rank - dims.length)] ?? 1).filter((dim) => dim !== 1));
    if (sizes.size > 1) return undefined;
    result.push([...sizes][0] ?? 1);
  }
  return result;
}

/** A second operand that broadcasts with the value: one of the graph, or a constant. */
export function partner(draft: GraphDraft, value: Drawn, isTame = false): Drawn {
  if (!draft.draw.oneIn(3)) {
    const fits = (other: Drawn) => other.type === value.type && broadcastDims(other.dims, value.dims) !== undefined;
    const all = draft.seen.filter((other) => fits(other) && other.name !== value.name);
    if (all.length > 0) return draft.some((other) => fits(other));
  }
  return weights(draft, value.type, narrower(draft, value.dims), isTame);
}

/** int64 indices into an axis of `extent`, of such dims: constants, or numbers of the rows brought into bounds. */
export function indices(draft: GraphDraft, extent: number, dims?: readonly number[]): Drawn {
  const { draw, opset } = draft;
  if (extent === 0) throw misfit();
  const isNegative = opset >= 11 && draw.oneIn(3);
  const low = isNegative ? -extent : 0;
  if (opset < 10 || draw.oneIn(2)) {
    const own = dims ?? Array.from({ length: draw.below(3) }, () => draw.between(1, 3));
    return draft.constant(
      'int64',
      own,
      Array.from({ length: sizeOfDims(own) }, () => draw.between(low, extent - 1)),
    );
  }
  const fits = (value: Drawn) =>
    value.type !== 'string' && (dims === undefined ? value.dims.length < 4 : value.dims.join() === dims.join());
  const whole = cast(draft, draft.some(fits), 'int64');
  const kept = draft.one('Mod', [whole, draft.scalar(extent)], 'int64', whole.dims);
  return isNegative ? draft.one('Sub', [kept, draft.scalar(extent)], 'int64', whole.dims) : kept;
}
