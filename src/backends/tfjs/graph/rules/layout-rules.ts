/** Ops that move, join, cut, repeat or pick data, and those that shapes are put together with. */
import { axisFromFront, type NodeCall, type Outputs } from '../../../graph/node-call.ts';
import { isSameSize, numberOf, sizeOf } from '../../../graph/size.ts';
import { mixed, rows, same, undecided, type Value } from '../../../graph/value.ts';
import { listOf, scalarOf, type TfCall } from '../tf-call.ts';
import { alias, each, type TfRules } from './tf-rule.ts';

function reshape(call: TfCall): Outputs {
  return call.one('Reshape', call.values, { allowzero: 1 });
}

function transpose(call: TfCall): Outputs {
  return call.one('Transpose', [call.data(0)], { perm: call.list(1, 'its permutation') });
}

function expandDims(call: TfCall): Outputs {
  return call.one('Unsqueeze', [call.values[0]!], { axes: call.list(1, 'its axis') });
}

function squeeze(call: TfCall): Outputs {
  const axes = call.ints('squeeze_dims') ?? call.ints('axis') ?? [];
  return call.one('Squeeze', call.values, axes.length > 0 ? { axes } : {});
}

function concat(call: TfCall): Outputs {
  const last = call.inputs.length - 1;
  return call.one('Concat', call.values.slice(0, last), { axis: call.number(last, 'its axis') });
}

/** The op before TensorFlow 1, whose first input is the axis. */
function oldConcat(call: TfCall): Outputs {
  return call.one('Concat', call.values.slice(1), { axis: call.number(0, 'its axis') });
}

function pack(call: TfCall): Outputs {
  const axis = call.int('axis', 0);
  return call.one(
    'Concat',
    call.values.map((value) => call.one('Unsqueeze', [value], { axes: [axis] })),
    { axis },
  );
}

function unpack(call: TfCall): Outputs {
  const axis = call.int('axis', 0);
  return Array.from({ length: call.int('num', 0) }, (_, i) =>
    call.one('Gather', [call.values[0]!, scalarOf(i)], { axis }),
  );
}

function split(call: TfCall): Outputs {
  return call.as('Split', [call.data(1)], { axis: call.number(0, 'its axis') }, call.int('num_split', 1));
}

function splitV(call: TfCall): Outputs {
  const sizes = call.values[1]!;
  const count = call.int('num_split', 1);
  return call.as('Split', [call.data(0), sizes], { axis: call.number(2, 'its axis') }, count);
}

function gather(call: TfCall): Outputs {
  const axis = call.has(2) ? call.number(2, 'its axis') : 0;
  const batchDims = call.int('batch_dims', 0);
  if (batchDims === 0) return call.one('Gather', call.values.slice(0, 2), { axis });
  return batchGather(call, axis, batchDims);
}

/** Each row of the indices picks from the same row of the data. */
function batchGather(call: TfCall, axis: number, batchDims: number): Value {
  const [data, indices] = [call.data(0), call.data(1)];
  if (data.dims === undefined || indices.dims === undefined) throw undecided('an input has a rank that is not known');
  const at = axisFromFront(axis, data.dims.length);
  const from = batchDims < 0 ? batchDims + indices.dims.length : batchDims;
  const dims = [...data.dims.slice(0, at), ...indices.dims.slice(from), ...data.dims.slice(at + 1)];
  if (data.kind === 'same' && indices.kind === 'same') return same(dims);
  if (data.kind === 'same' || indices.kind === 'same') throw undecided('only one of its inputs has the rows');
  const [a, b] = [data.axis, indices.axis];
  const areAlike = a.at === b.at && isSameSize(a.inner, b.inner) && isSameSize(a.outer, b.outer);
  if (!areAlike || a.at >= from || at < from) throw mixed('its indices may be of other rows');
  return rows(dims, a);
}

function gatherNd(call: TfCall): Outputs {
  return call.one('GatherND', call.values, { batch_dims: 0 });
}

function oneHot(call: TfCall): Outputs {
  for (const i of [2, 3]) call.constant(i, 'its values');
  return call.one('OneHot', [call.data(0), call.values[1]!, same([sizeOf(2)])], { axis: call.int('axis', -1) });
}

/** Begin and size of each dim; −1 = all that is left. */
function slice(call: TfCall): Outputs {
  const x = call.values[0]!;
  const [begins, sizes] = [call.elements(1), call.elements(2)];
  if (begins === undefined || sizes === undefined) return call.one('Slice', call.values);
  const dims = x.kind === 'lost' ? undefined : x.dims;
  const cuts: Cut[] = [];
  for (const [axis, begin] of begins.entries()) {
    const [start, size] = [numberOf(begin), numberOf(sizes[axis])];
    const isAll = size === -1 || (dims !== undefined && isSameSize(sizes[axis], dims[axis]));
    if (start === 0 && isAll) continue;
    if (start === undefined || size === undefined) throw undecided('its bounds are not known');
    cuts.push({ axis, start, end: size === -1 ? END : start + size, step: 1 });
  }
  return cut(call, x, cuts);
}

interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

const END = 2 ** 31 - 1;

function cut(call: TfCall, x: Value, cuts: readonly Cut[]): Value {
  if (cuts.length === 0) return x;
  const column = (of: (one: Cut) => number): Value => listOf(cuts.map(of));
  const bounds = [column((one) => one.start), column((one) => one.end), column((one) => one.axis)];
  return call.one('Slice', [x, ...bounds, column((one) => one.step)]);
}

/** Slices like Python's x[a:b:c, i, ..., None]: bits of the masks say what each place of begin, end and strides is. */
function stridedSlice(call: TfCall): Outputs {
  const x = call.values[0]!;
  const rank = x.kind === 'lost' ? undefined : x.dims?.length;
  if (rank === undefined) return call.one('Slice', call.values);
  const { cuts, gone, added } = placesOf(call, rank);
  let value = cut(call, x, cuts);
  if (gone.length > 0) value = call.one('Squeeze', [value], { axes: gone });
  return added.length > 0 ? call.one('Unsqueeze', [value], { axes: added }) : value;
}

interface Places {
  readonly cuts: Cut[];
  /** Axes of which one index is taken, counted in the input. */
  readonly gone: number[];
  /** Axes that are new, counted in the result. */
  readonly added: number[];
}

function placesOf(call: TfCall, rank: number): Places {
  const places: Places = { cuts: [], gone: [], added: [] };
  const steps = call.list(3, 'its strides');
  const has = (mask: string, i: number): boolean => ((call.int(mask, 0) >> i) & 1) === 1;
  const [begins, ends] = [call.elements(1), call.elements(2)];
  const consuming = steps.filter((_, i) => !has('new_axis_mask', i) && !has('ellipsis_mask', i)).length;
  let axis = 0;
  let result = 0;
  for (const [i, step] of steps.entries()) {
    if (has('ellipsis_mask', i)) {
      axis += rank - consuming;
      result += rank - consuming;
    } else if (has('new_axis_mask', i)) places.added.push(result++);
    else {
      const isOne = has('shrink_axis_mask', i);
      const one = cutOf(call, { axis, step, begin: begins?.[i], end: ends?.[i] }, (mask) => has(mask, i), isOne);
      if (one !== undefined) places.cuts.push(one);
      if (isOne) places.gone.push(axis);
      else result += 1;
      axis += 1;
    }
  }
  return places;
}

interface Bounds {
  readonly axis: number;
  readonly step: number;
  readonly begin: ReturnType<NodeCall['asDim']> | undefined;
  readonly end: ReturnType<NodeCall['asDim']> | undefined;
}

/** Undefined = the whole axis. */
function cutOf(
  call: TfCall,
  { axis, step, begin, end }: Bounds,
  has: (mask: 'begin_mask' | 'end_mask') => boolean,
  isOne: boolean,
): Cut | undefined {
  const start = has('begin_mask') && !isOne ? (step > 0 ? 0 : END) : numberOf(begin);
  if (isOne) {
    if (start === undefined) throw undecided('its index is not known');
    return { axis, start, end: start === -1 ? END : start + 1, step: 1 };
  }
  const x = call.values[0]!;
  const extent = x.kind === 'lost' ? undefined : x.dims?.[axis];
  const isWholeEnd = step > 0 && isSameSize(end, extent);
  if (step < 0 && start !== undefined && start < -(numberOf(extent) ?? Number.POSITIVE_INFINITY)) {
    // There it takes nothing, where ONNX takes the first.
    throw undecided('it begins before the first index');
  }
  const last = has('end_mask') || isWholeEnd ? (step > 0 ? END : -END) : numberOf(end);
  if (start === undefined || last === undefined) throw undecided('its bounds are not known');
  return start === 0 && last >= END && step === 1 ? undefined : { axis, start, end: last, step };
}

function fill(call: TfCall): Outputs {
  return call.one('Expand', [call.values[1]!, call.values[0]!]);
}

function shape(call: TfCall): Outputs {
  return call.values.map((value) => call.one('Shape', [value]));
}

function rank(call: TfCall): Outputs {
  const x = call.values[0]!;
  const count = x.kind === 'lost' ? undefined : x.dims?.length;
  if (count === undefined) throw undecided('its input has a rank that is not known');
  return scalarOf(count);
}

/** It changes only the matrix within each row. */
function band(call: TfCall): Outputs {
  for (const i of [1, 2]) call.constant(i, 'its bounds');
  return call.one('Trilu', [call.data(0)]);
}

/** Pairs of numbers for each dim, before and behind it. */
function pad(call: TfCall): Outputs {
  const pairs = call.list(1, 'how far it pads');
  const pads = [...pairs.filter((_, i) => i % 2 === 0), ...pairs.filter((_, i) => i % 2 === 1)];
  if (call.has(2)) call.constant(2, 'its value');
  return call.one('Pad', [call.data(0)], { pads });
}

export const LAYOUT_RULES: TfRules = {
  Reshape: reshape,
  Transpose: transpose,
  ExpandDims: expandDims,
  Squeeze: squeeze,
  ConcatV2: concat,
  Concat: oldConcat,
  Pack: pack,
  Unpack: unpack,
  Split: split,
  SplitV: splitV,
  ...each('GatherV2 Gather ResourceGather', gather),
  GatherNd: gatherNd,
  OneHot: oneHot,
  Slice: slice,
  StridedSlice: stridedSlice,
  Fill: fill,
  BroadcastTo: alias('Expand'),
  Tile: alias('Tile'),
  ...each('Shape ShapeN', shape),
  Size: alias('Size'),
  Rank: rank,
  Range: alias('Range'),
  MatrixBandPart: band,
  ...each('Pad PadV2 MirrorPad', pad),
};
