/** The ops that make numbers of shapes, shapes of numbers, or lay elements out anew. */
import { ANY_SIZE, always, type Bounds, between, type Curve, isPoint, point } from './curves.ts';
import { type LengthCall, type LengthRule, Unfollowed } from './length-call.ts';
import {
  broadcastDims,
  constant,
  countOf,
  type Dims,
  filled,
  isLengthDim,
  MOST_ELEMENTS,
  type Value,
} from './length-values.ts';
import { PART_LENGTHS } from './part-lengths.ts';

/** The sizes that a small tensor gives: undefined = of unknown rank, or not known. */
function sizesOf(value: Value | undefined): Dims | undefined {
  const rank = value?.dims?.length === 1 ? value.dims[0] : undefined;
  if (value?.elements !== undefined && !value.isData)
    return value.elements.map((each) => (isPoint(each) ? each.lo : undefined));
  return typeof rank === 'number' && rank <= MOST_ELEMENTS ? Array.from({ length: rank }, () => undefined) : undefined;
}

function product(call: LengthCall, dims: Dims | undefined): Curve | undefined {
  if (dims === undefined || dims.includes(undefined)) return undefined;
  return call.curves.of((...sizes) => sizes.reduce((a, b) => a * b, 1), ...(dims as readonly Curve[]));
}

const sizeBounds = (dim: Curve | undefined): Bounds => (dim === undefined ? ANY_SIZE : point(dim));

const shape: LengthRule = (call) => {
  const { dims } = call.input(0);
  if (dims === undefined) return call.result({ dims: [undefined], all: ANY_SIZE, from: [], isLength: true });
  const end = call.node.attributes.has('end') ? call.int('end', 0) : undefined;
  const kept = dims.slice(call.int('start', 0), end);
  return call.result({
    dims: [kept.length],
    elements: kept.map(sizeBounds),
    from: [],
    isLength: kept.some(isLengthDim),
  });
};

const size: LengthRule = (call) => {
  const count = product(call, call.input(0).dims);
  return call.result({ dims: [], elements: [sizeBounds(count)], from: [], isLength: typeof count !== 'number' });
};

const constantOfShape: LengthRule = (call) => {
  const fill = call.node.attributes.get('value')?.tensor;
  const value = fill === undefined ? constant({ dims: [], elements: [0] }) : constant(fill);
  return call.result({ ...filled(sizesOf(call.input(0)), value.all), from: [] });
};

const range: LengthRule = (call) => {
  const [start, limit, delta] = [0, 1, 2].map((i) => call.input(i).all) as [Bounds, Bounds, Bounds];
  call.constants(...call.inputs);
  const isKnown = [start, limit, delta].every(isPoint);
  if (!isKnown) {
    if (call.isOfLengths) call.choose(limit, start);
    return call.result({ dims: [undefined], isLength: true });
  }
  const count = call.curves.of((a, b, c) => Math.max(0, Math.ceil((b! - a!) / c!)), start.lo, limit.lo, delta.lo);
  call.found.turns(count);
  call.found.crossings(start.lo, limit.lo);
  const last = call.curves.of((a, c, n) => a! + c! * Math.max(0, n! - 1), start.lo, delta.lo, count);
  const isFalling = always((c) => c < 0, delta.lo, 0);
  return call.result({ dims: [count], all: isFalling ? between(last, start.lo) : between(start.lo, last) });
};

const expand: LengthRule = (call) => {
  const [x, to] = [call.input(0), call.input(1)];
  const dims = broadcastDims([x.dims, sizesOf(to)]);
  const isOne = isPoint(x.all) || countOf(x.dims) === 1;
  return call.result({ ...(isOne ? filled(dims, x.all) : { dims, all: x.all }), from: [x] });
};

const tile: LengthRule = (call) => {
  const x = call.input(0);
  const times = sizesOf(call.input(1));
  const dims = x.dims?.map((dim, i) => {
    const by = times?.[i];
    return dim === undefined || by === undefined ? undefined : call.curves.of((a, b) => a! * b!, dim, by);
  });
  return call.result({ dims, all: x.all, from: [x] });
};

const reshape: LengthRule = (call) => {
  const x = call.input(0);
  const wanted = sizesOf(call.inputs[1]) ?? call.ints('shape');
  const { all, elements } = x;
  const copied = wanted?.map((dim, i) => (dim === 0 && call.int('allowzero', 0) === 0 ? x.dims?.[i] : dim));
  const dims = copied?.map((dim, i) => (dim === -1 ? rest(call, x.dims, copied.toSpliced(i, 1)) : dim));
  return call.result({ dims, all, elements, from: [x] });
};

/** The dim that is left over. */
function rest(call: LengthCall, from: Dims | undefined, others: Dims): Curve | undefined {
  const [whole, taken] = [product(call, from), product(call, others)];
  if (whole === undefined || taken === undefined) return undefined;
  return call.curves.of((a, b) => a! / b!, whole, taken);
}

const flatten: LengthRule = (call) => {
  const x = call.input(0);
  const axis = call.int('axis', 1);
  const at = x.dims === undefined ? 0 : axis < 0 ? axis + x.dims.length : axis;
  const dims = [x.dims?.slice(0, at), x.dims?.slice(at)].map((part) => product(call, part));
  return call.result({ dims, all: x.all, elements: x.elements });
};

const squeeze: LengthRule = (call) => {
  const x = call.input(0);
  const axes = call.list(1, 'axes');
  const front = axes?.map((axis) => call.axis(axis, x.dims));
  // All dims of 1 go if it has no axes.
  const isAll = call.inputs[1] === undefined && axes === undefined && x.dims?.every((dim) => dim !== undefined);
  const dims = isAll
    ? x.dims?.filter((dim) => dim !== 1)
    : front?.every((axis) => axis !== undefined)
      ? x.dims?.filter((_, i) => !front.includes(i))
      : undefined;
  return call.result({ dims, all: x.all, elements: x.elements, from: [x] });
};

const unsqueeze: LengthRule = (call) => {
  const x = call.input(0);
  const axes = call.list(1, 'axes');
  let dims: (Curve | undefined)[] | undefined;
  if (x.dims !== undefined && axes !== undefined) {
    const rank = x.dims.length + axes.length;
    const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
    const left = [...x.dims];
    dims = Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : left.shift()));
  }
  return call.result({ dims, all: x.all, elements: x.elements, from: [x] });
};

const transpose: LengthRule = (call) => {
  const x = call.input(0);
  const perm = call.ints('perm') ?? x.dims?.map((_, i) => x.dims!.length - 1 - i);
  const isFlat = (x.dims?.filter((dim) => dim !== 1).length ?? 2) < 2;
  return call.result({
    dims: x.dims && perm?.map((axis) => x.dims![axis]),
    all: x.all,
    elements: isFlat ? x.elements : undefined,
  });
};

const concat: LengthRule = (call) => {
  const parts = call.present;
  const axis = call.axis(call.int('axis', 0), parts[0]?.dims);
  const all = call.curves.hull(parts.map((part) => part.all));
  if (axis === undefined || parts.some(({ dims }) => dims === undefined)) return call.result({ dims: undefined, all });
  const along = parts.map(({ dims }) => dims![axis]);
  const sum = along.includes(undefined)
    ? undefined
    : call.curves.of((...sizes) => sizes.reduce((a, b) => a + b, 0), ...(along as readonly Curve[]));
  // A table of the first positions that is filled up to a fixed size tells the length by any number in it.
  if (!isLengthDim(sum) && along.some(isLengthDim) && !call.isOfData) throw new Unfollowed(FILLED);
  const dims = broadcastDims(parts.map((part) => part.dims))?.map((dim, i) => (i === axis ? sum : dim));
  const isFlat =
    parts[0]!.dims!.length === 1 && parts.every(({ elements, isData }) => elements !== undefined && !isData);
  return call.result({ dims, all, elements: isFlat ? parts.flatMap(({ elements }) => elements!) : undefined });
};

const FILLED = 'it fills numbers that are as many as a row is long up to a fixed size';

const split: LengthRule = (call) => {
  const x = call.input(0);
  const axis = call.axis(call.int('axis', 0), x.dims);
  const sizes = call.list(1, 'split');
  for (const each of sizes ?? []) call.found.constant(each);
  const count = call.node.outputs.length;
  let from = 0;
  return call.node.outputs.map((_, i) => {
    const whole = axis === undefined ? undefined : x.dims![axis];
    const part =
      sizes?.[i] ?? (typeof whole === 'number' && call.inputs[1] === undefined ? Math.ceil(whole / count) : undefined);
    const dims = axis === undefined ? undefined : x.dims?.map((dim, k) => (k === axis ? part : dim));
    const start = from;
    from += part ?? 0;
    const elements = x.dims?.length === 1 && part !== undefined ? x.elements?.slice(start, from) : undefined;
    return call.result({ dims, all: x.all, elements, from: [x] });
  });
};

/** The places of what is not zero: of ones, all places. */
const nonZero: LengthRule = (call) => {
  const x = call.input(0);
  const rank = x.dims?.length;
  const count = product(call, x.dims);
  const isFull = count !== undefined && rank !== 0 && isPoint(x.all) && always((a) => a !== 0, x.all.lo, 0);
  if (!isFull) return call.result({ dims: [rank, undefined], isLength: true });
  const last = call.curves.of((...sizes) => Math.max(...sizes) - 1, ...(x.dims as readonly Curve[]));
  return call.result({ dims: [rank, count], all: between(0, last), isLength: true });
};

export const SHAPE_LENGTHS: Readonly<Record<string, LengthRule>> = {
  ...PART_LENGTHS,
  Shape: shape,
  Size: size,
  ConstantOfShape: constantOfShape,
  Range: range,
  Expand: expand,
  Tile: tile,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  NonZero: nonZero,
};
