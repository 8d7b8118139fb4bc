/** Slice: all rows, or it mixes them. */
import { gridOf, picked } from '../elements.ts';
import { axisFromFront, type NodeCall, type Outputs } from '../node-call.ts';
import { type Element, isFreeOfRows, isSameSize, numberOf, sizeOf } from '../size.ts';
import { type Dims, type Known, mixed, same, undecided, type Value } from '../value.ts';
import { axesOf, withDims } from './axis-rules.ts';

/** Bounds of Slice along one axis. */
interface Cut {
  readonly start: Element;
  readonly end: Element;
  readonly step: Element;
}

export function slice(call: NodeCall): Outputs {
  const x = call.data(0);
  const { dims } = x;
  if (dims === undefined) return constantBounds(call);
  const cuts = cutsOf(call, dims.length);
  if (cuts !== undefined) return sliced(call, x, dims, cuts);
  if (x.kind === 'same') return constantBounds(call, dims.length);
  throw undecided('its bounds are not known');
}

/** The bounds by axis of a tensor of `rank`; undefined if they are not known. */
function cutsOf(call: NodeCall, rank: number): ReadonlyMap<number, Cut> | undefined {
  const starts = call.ints('starts')?.map((n) => sizeOf(n)) ?? call.elements(1);
  const ends = call.ints('ends')?.map((n) => sizeOf(n)) ?? call.elements(2);
  const given = axesOf(call, 3);
  const steps = call.has(4) ? call.elements(4) : starts?.map(() => sizeOf(1));
  const axes = given.length > 0 ? given : starts?.map((_, i) => i);
  if (starts === undefined || ends === undefined || steps === undefined || axes === undefined) return undefined;
  const cuts = new Map<number, Cut>();
  for (const [i, axis] of axes.entries()) {
    // The runtime decides which one would hold.
    if (cuts.has(axisFromFront(axis, rank))) return undefined;
    cuts.set(axisFromFront(axis, rank), { start: starts[i], end: ends[i], step: steps[i] });
  }
  return cuts;
}

/** Bounds that no request changes. */
function constantBounds(call: NodeCall, rank?: number): Value {
  for (let i = 1; i < call.inputs.length; i++) call.constant(i, 'its bounds');
  return same(rank === undefined ? undefined : call.unknownDims(rank));
}

function sliced(call: NodeCall, x: Known, dims: Dims, cuts: ReadonlyMap<number, Cut>): Value {
  const cut = dims.map((dim, axis) => {
    const bounds = cuts.get(axis);
    if (bounds === undefined || isWhole(bounds, dim)) return dim;
    if (x.kind === 'rows' && axis === x.axis.at) throw mixed('it cuts rows out of the batch');
    for (const bound of [bounds.start, bounds.end, bounds.step]) {
      if (!isFreeOfRows(bound)) throw mixed('it cuts as many as there are rows');
    }
    return cutSize(bounds, dim) ?? call.dimOf('slice', [dim, bounds.start, bounds.end, bounds.step]);
  });
  return withDims(x, cut);
}

/** More than any batch has: exporters write it, or INT32_MAX, for the end. */
const END = 1e9;

function isWhole({ start, end, step }: Cut, dim: Dims[number]): boolean {
  const last = numberOf(end);
  const isToEnd = isSameSize(end, dim) || (last !== undefined && last >= END);
  return numberOf(start) === 0 && numberOf(step) === 1 && isToEnd;
}

/** The size of a cut of numbers. */
function cutSize({ start, end, step }: Cut, dim: Dims[number]): Dims[number] | undefined {
  const indices = cutIndices({ start, end, step }, numberOf(dim));
  // The first n of an unknown dim may be fewer.
  return indices && sizeOf(indices.length);
}

function cutIndices({ start, end, step }: Cut, extent: number | undefined): readonly number[] | undefined {
  const [first, last, by] = [numberOf(start), numberOf(end), numberOf(step)];
  if (first === undefined || last === undefined || !by || extent === undefined || extent > 1e6) return undefined;
  const clamp = (index: number) => {
    const front = index < 0 ? index + extent : index;
    return by > 0 ? Math.min(Math.max(front, 0), extent) : Math.min(Math.max(front, -1), extent - 1);
  };
  const to = last < -extent && by < 0 ? -1 : clamp(last);
  const indices: number[] = [];
  // A start before the first index is the first, whichever way the step goes; an end is none.
  const from = extent === 0 ? to : Math.max(clamp(first), 0);
  for (let index = from; by > 0 ? index < to : index > to; index += by) indices.push(index);
  return indices;
}

/** The elements of a small tensor of integers. */
export function sliceElements(call: NodeCall): Value | undefined {
  const grid = gridOf(call, 0);
  const cuts = grid && cutsOf(call, grid.dims.length);
  if (grid === undefined || cuts === undefined) return undefined;
  const places = grid.dims.map((extent, axis) => {
    const bounds = cuts.get(axis);
    return bounds === undefined ? Array.from({ length: extent }, (_, i) => i) : cutIndices(bounds, extent);
  });
  if (!places.every((indices) => indices !== undefined)) return undefined;
  const dims = places.map((indices) => indices.length);
  return picked(grid, dims, (at) =>
    at.reduce((place, index, axis) => place * grid.dims[axis]! + places[axis]![index]!, 0),
  );
}
