/** Ops that move, join or cut data. */
import { ANY_CONSTANT, axisFromFront, type NodeCall, type Outputs, type Rules } from '../node-call.ts';
import { reshape } from '../reshape.ts';
import {
  dividedBy,
  type Element,
  isFreeOfRows,
  isSameSize,
  numberOf,
  ONE,
  plus,
  productOf,
  sizeOf,
  times,
} from '../size.ts';
import { type Dims, type Known, mixed, movedTo, rows, same, undecided, type Value } from '../value.ts';
import { axesOf, checkApart, withDims } from './axis-rules.ts';
import { slice } from './slice-rule.ts';

function transpose(call: NodeCall): Outputs {
  const x = call.data(0);
  const { dims } = x;
  if (dims === undefined) return ANY_CONSTANT;
  const perm = call.ints('perm') ?? dims.map((_, axis) => dims.length - 1 - axis);
  if ([...perm].sort((a, b) => a - b).some((axis, i) => axis !== i) || perm.length !== dims.length) {
    throw undecided('its perm does not fit the rank');
  }
  const moved = perm.map((axis) => dims[axis]!);
  return x.kind === 'rows' ? rows(moved, movedTo(x.axis, perm.indexOf(x.axis.at))) : same(moved);
}

function reshapeRule(call: NodeCall): Outputs {
  const x = call.data(0);
  const wanted = call.ints('shape')?.map((size) => sizeOf(size)) ?? call.elements(1);
  if (wanted === undefined) {
    if (x.kind === 'same') return ANY_CONSTANT;
    throw undecided('its shape is not known');
  }
  const copiesZeros = call.int('allowzero', 0) === 0;
  const target = wanted.map((size, at) => (copiesZeros && numberOf(size) === 0 ? copied(call, x, at) : size));
  return reshape(call, x, target);
}

function copied(call: NodeCall, x: Known, at: number): Element {
  return x.dims === undefined ? call.unknownDim() : x.dims[at];
}

function flatten(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.dims === undefined) return same(call.unknownDims(2));
  const axis = call.int('axis', 1);
  const at = axis === x.dims.length ? axis : axisFromFront(axis, x.dims.length);
  return reshape(call, x, [productOf(x.dims.slice(0, at)), productOf(x.dims.slice(at))]);
}

function squeeze(call: NodeCall): Outputs {
  const x = call.data(0);
  const { dims } = x;
  if (dims === undefined) return ANY_CONSTANT;
  const axes = axesOf(call, 1);
  if (axes.length === 0) return squeezeAll(x, dims);
  const gone = new Set(axes.map((axis) => axisFromFront(axis, dims.length)));
  for (const axis of gone) checkApart(x, axis, 'removes');
  return without(x, dims, gone);
}

/** The rank is known only if it is known before the run which dims are 1. */
function squeezeAll(x: Known, dims: Dims): Value {
  if (x.kind === 'rows') throw mixed('it removes every dim of 1, also that of a single row');
  if (!dims.every((dim) => numberOf(dim) !== undefined)) return ANY_CONSTANT;
  return without(x, dims, new Set(dims.flatMap((dim, axis) => (isSameSize(dim, ONE) ? [axis] : []))));
}

function without(x: Known, dims: Dims, gone: ReadonlySet<number>): Known {
  const rest = dims.filter((_, axis) => !gone.has(axis));
  if (x.kind === 'same') return same(rest);
  return rows(rest, movedTo(x.axis, x.axis.at - [...gone].filter((axis) => axis < x.axis.at).length));
}

function unsqueeze(call: NodeCall): Outputs {
  const x = call.data(0);
  const { dims } = x;
  const axes = axesOf(call, 1);
  if (dims === undefined) return ANY_CONSTANT;
  const rank = dims.length + axes.length;
  const added = new Set(axes.map((axis) => axisFromFront(axis, rank)));
  if (added.size !== axes.length) throw undecided('it adds an axis twice');
  const places = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => !added.has(axis));
  const wider = Array.from({ length: rank }, (_, axis) => (added.has(axis) ? ONE : dims[places.indexOf(axis)]!));
  return x.kind === 'rows' ? rows(wider, movedTo(x.axis, places[x.axis.at]!)) : same(wider);
}

function concat(call: NodeCall): Outputs {
  const parts = call.allData();
  return concatOf(call, parts, call.int('axis', 1));
}

/** The parts one behind the other along `axis`. */
export function concatOf(call: NodeCall, parts: readonly Known[], along_: number): Known {
  const first = parts.find((part) => part.kind === 'rows');
  if (first === undefined && parts.some((part) => part.dims === undefined)) return ANY_CONSTANT;
  const model = first ?? parts[0];
  if (model?.dims === undefined) throw undecided('it joins nothing');
  const axis = axisFromFront(along_, model.dims.length);
  if (parts.length === 1) return model;
  checkApart(model, axis, 'joins');
  let size: Element = sizeOf(0);
  for (const part of parts) {
    if (part.dims !== undefined && part.dims.length !== model.dims.length)
      throw undecided('it joins tensors of two ranks');
    checkSameAxis(model, part);
    size = plus(size, part.dims?.[axis]);
  }
  return withDims(model, model.dims.with(axis, call.asDim(size)));
}

function checkSameAxis(model: Known, part: Known): void {
  if (model.kind === 'same') return;
  if (part.kind === 'same') throw mixed('it joins the rows with a constant of a fixed number of rows');
  if (part.axis.at !== model.axis.at)
    throw mixed(`it joins rows of axis ${model.axis.at} with rows of axis ${part.axis.at}`);
  if (part.axis.inner.key !== model.axis.inner.key || part.axis.outer.key !== model.axis.outer.key) {
    throw undecided('it joins rows that are merged with other dims in two ways');
  }
}

function split(call: NodeCall): Outputs {
  const x = call.data(0);
  const count = call.node.outputs.length;
  if (x.dims === undefined) return Array.from({ length: count }, () => ANY_CONSTANT);
  const axis = axisFromFront(call.int('axis', 0), x.dims.length);
  checkApart(x, axis, 'splits');
  if (call.has(1)) call.constant(1, 'its split');
  const sizes = call.ints('split')?.map((size) => sizeOf(size)) ?? call.elements(1);
  const equal = sizes === undefined && !call.has(1) ? dividedBy(x.dims[axis], sizeOf(count)) : undefined;
  return Array.from({ length: count }, (_, i) => withDims(x, x.dims!.with(axis, call.asDim(sizes?.[i] ?? equal))));
}

function pad(call: NodeCall): Outputs {
  const x = call.data(0);
  const { dims } = x;
  const pads = call.ints('pads')?.map((size) => sizeOf(size)) ?? call.elements(1);
  if (call.has(2)) call.constant(2, 'its value');
  if (dims === undefined) return ANY_CONSTANT;
  const axes = call.has(3)
    ? axesOf(call, 3).map((axis) => axisFromFront(axis, dims.length))
    : dims.map((_, axis) => axis);
  if (pads?.length !== 2 * axes.length) {
    if (x.kind === 'same') return same(call.unknownDims(dims.length));
    throw undecided('its pads are not known');
  }
  const padded = dims.map((dim, axis) => {
    const i = axes.indexOf(axis);
    if (i < 0) return dim;
    const [begin, end] = [pads[i], pads[i + axes.length]];
    if (x.kind === 'rows' && axis === x.axis.at) return unpadded(begin, end, dim);
    if (!isFreeOfRows(begin) || !isFreeOfRows(end)) throw mixed('it pads by the number of rows');
    return call.asDim(plus(plus(dim, begin), end));
  });
  return withDims(x, padded);
}

function unpadded(begin: Element, end: Element, dim: Dims[number]): Dims[number] {
  if (numberOf(begin) === 0 && numberOf(end) === 0) return dim;
  if (numberOf(begin) === undefined || numberOf(end) === undefined) throw undecided('it may pad the rows');
  throw mixed('it pads the axis of the rows');
}

/** Positions are numbers of their own: with the number of rows they tell a row where it is. */
/** Numbers for the rows may be their places in what follows, or only find each row itself, as in BERT's masks. */
function range(call: NodeCall): Outputs {
  if (call.inputs.some((value) => value?.kind === 'counts')) throw undecided('it numbers the rows');
  for (let i = 0; i < 3; i++) call.constant(i, 'its bounds');
  return same(call.unknownDims(1));
}

function eyeLike(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'rows') throw mixed('each row gets a value of its place');
  return x.dims === undefined ? ANY_CONSTANT : same(x.dims);
}

/** DepthToSpace, SpaceToDepth: channels and what is behind them, within a row. */
function depthAndSpace(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'same') return ANY_CONSTANT;
  if (x.axis.at !== 0) throw mixed('it moves what is on the axis of the rows');
  const size = sizeOf(call.int('blocksize', 1));
  const [, depth, height, width] = x.dims;
  const area = times(size, size);
  const isToDepth = call.node.op === 'SpaceToDepth';
  const change = isToDepth
    ? [times(depth, area), dividedBy(height, size), dividedBy(width, size)]
    : [dividedBy(depth, area), times(height, size), times(width, size)];
  return rows([x.dims[0]!, ...change.map((dim) => call.asDim(dim))], x.axis);
}

export const LAYOUT_RULES: Rules = {
  Transpose: transpose,
  Reshape: reshapeRule,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Concat: concat,
  Split: split,
  Pad: pad,
  Slice: slice,
  Range: range,
  EyeLike: eyeLike,
  DepthToSpace: depthAndSpace,
  SpaceToDepth: depthAndSpace,
};
