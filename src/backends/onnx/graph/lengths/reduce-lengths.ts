/** The ops that make one number of many, and those of whole layers. */
import { ANY_NUMBER, always, type Bounds, between, type Compute, type Curve, isPoint, point } from './curves.ts';
import { type LengthCall, type LengthRule, Unfollowed } from './length-call.ts';
import {
  broadcastDims,
  type Dims,
  hasLengthAxis,
  isLengthDim,
  isOfLengths,
  numbersOf,
  type Value,
} from './length-values.ts';

type Total = (fill: number, count: number) => number;

/** The axes that are reduced, from the front; undefined = not known. */
function axesOf(call: LengthCall, { dims }: Value): readonly number[] | undefined {
  if (dims === undefined) return undefined;
  const all = dims.map((_, axis) => axis);
  if (call.inputs[1] === undefined && call.ints('axes') === undefined) {
    return call.int('noop_with_empty_axes', 0) === 0 ? all : [];
  }
  const axes = call.list(1, 'axes')?.map((axis) => call.axis(axis, dims));
  if (axes?.length === 0) return call.int('noop_with_empty_axes', 0) === 0 ? all : [];
  return axes?.every((axis) => axis !== undefined) ? axes : undefined;
}

/** Undefined = not known. */
function countOver(call: LengthCall, { dims }: Value, axes: readonly number[] | undefined): Curve | undefined {
  const sizes = axes?.map((axis) => dims![axis]);
  if (sizes === undefined || sizes.includes(undefined)) return undefined;
  return call.curves.of((...all) => all.reduce((a, b) => a * b, 1), ...(sizes as readonly Curve[]));
}

function reduced(dims: Dims | undefined, axes: readonly number[] | undefined, keeps: boolean): Dims | undefined {
  if (axes === undefined || dims === undefined) return keeps ? dims?.map(() => undefined) : undefined;
  return keeps ? dims.map((dim, i) => (axes.includes(i) ? 1 : dim)) : dims.filter((_, i) => !axes.includes(i));
}

/** `total` of that many equal numbers; the bounds of others are not known, unless it is one of them. */
function reduction(total: Total | undefined): LengthRule {
  return (call) => {
    const x = call.input(0);
    const axes = axesOf(call, x);
    const count = countOver(call, x, axes);
    const all = totalOf(call, x.all, count, total);
    const isLength = total !== undefined && isLengthDim(count);
    return call.result({ dims: reduced(x.dims, axes, call.int('keepdims', 1) !== 0), all, from: [x], isLength });
  };
}

function totalOf(call: LengthCall, x: Bounds, count: Curve | undefined, total: Total | undefined): Bounds {
  if (total === undefined) return x;
  if (!isPoint(x) || count === undefined) return ANY_NUMBER;
  const curve = call.curves.of(total as Compute, x.lo, count);
  call.found.turns(curve);
  return point(curve);
}

/** The largest or the least. */
const extreme =
  (end: 'lo' | 'hi'): LengthRule =>
  (call) => {
    const x = call.input(0);
    const isOfAll = axesOf(call, x)?.length === x.dims?.length;
    const value = reduction(undefined)(call) as Value;
    return isOfAll && !x.all.isLoose ? call.result({ dims: value.dims, all: point(x.all[end]), from: [x] }) : value;
  };

/** The place of an element along an axis. */
const place: LengthRule = (call) => {
  const x = call.input(0);
  const axis = call.axis(call.int('axis', 0), x.dims);
  const axes = axis === undefined ? undefined : [axis];
  const count = countOver(call, x, axes);
  const last = count === undefined ? Number.POSITIVE_INFINITY : call.curves.of((n) => n! - 1, count);
  const dims = reduced(x.dims, axes, call.int('keepdims', 1) !== 0);
  return call.result({ dims, all: between(0, last, !x.isData), isLength: isLengthDim(count) });
};

/** The sum of the elements so far. */
const cumulated: LengthRule = (call) => {
  const x = call.input(0);
  const axis = call.axis(numbersOf(call.inputs[1])?.[0] ?? Number.NaN, x.dims);
  const count = countOver(call, x, axis === undefined ? undefined : [axis]);
  const isKnown = isPoint(x.all) && count !== undefined && always((a) => a >= 0, x.all.lo, 0);
  const first = call.int('exclusive', 0) === 0 ? x.all.lo : 0;
  const all = isKnown
    ? between(
        first,
        call.curves.of((a, n) => a! * n!, x.all.lo, count),
      )
    : ANY_NUMBER;
  return call.result({ dims: x.dims, all, from: [x], isLength: isLengthDim(count) });
};

const softmax: LengthRule = (call) => {
  const x = call.input(0);
  const axis = call.axis(call.int('axis', call.opset < 13 ? 1 : -1), x.dims);
  const count = countOver(call, x, axis === undefined ? undefined : [axis]);
  if (isLengthDim(count) && !call.isOfData && x.isTable) throw new Unfollowed(UNFOLLOWED);
  const isLog = call.node.op === 'LogSoftmax';
  const all = totalOf(call, x.all, count, (_, n) => (isLog ? -Math.log(n) : 1 / n));
  return call.result({
    dims: x.dims,
    all: isPoint(all) ? all : between(0, 1, true),
    from: [x],
    isLength: isLengthDim(count),
  });
};

const times = (a?: number, b?: number): number => (a === 0 || b === 0 ? 0 : a! * b!);

/** Products of the rows of the one and the columns of the other, summed. `b`: the position of the second. */
const product =
  (b = 1): LengthRule =>
  (call) => {
    const [left, right] = [dimsOf(call, 0, 'transA'), dimsOf(call, b, 'transB')];
    const count = left?.at(-1) ?? (right && right.length > 1 ? right.at(-2) : right?.[0]);
    const [x, y] = [call.input(0).all, call.input(b).all];
    let all = ANY_NUMBER;
    if (call.node.op !== 'MatMul') return call.result({ dims: productDims(left, right), isLength: isLengthDim(count) });
    if (count === 1) all = call.curves.bounds(times, x, y);
    else if (isPoint(x) && isPoint(y) && count !== undefined)
      all = point(call.curves.of((p, q, n) => times(p, q) * n!, x.lo, y.lo, count));
    call.found.turns(all.lo);
    return call.result({ dims: productDims(left, right), all, isLength: isLengthDim(count) });
  };

function dimsOf(call: LengthCall, i: number, attribute: string): Dims | undefined {
  const { dims } = call.input(i);
  return dims !== undefined && call.int(attribute, 0) !== 0 && dims.length > 1
    ? [...dims.slice(0, -2), dims.at(-1), dims.at(-2)]
    : dims;
}

function productDims(left: Dims | undefined, right: Dims | undefined): Dims | undefined {
  if (left === undefined || right === undefined) return undefined;
  const outer = broadcastDims([left.slice(0, -2), right.slice(0, -2)])!;
  return [...outer, ...(left.length > 1 ? [left.at(-2)] : []), ...(right.length > 1 ? [right.at(-1)] : [])];
}

/** Products without sums are as good as Mul. */
const einsum: LengthRule = (call) => {
  const [from = '', to = ''] = (call.node.attributes.get('equation')?.text ?? '').replaceAll(' ', '').split('->');
  const terms = from.split(',');
  const sizes = new Map<string, Curve | undefined>();
  for (const [i, term] of terms.entries()) {
    for (const [axis, letter] of [...term].entries())
      sizes.set(letter, call.inputs[i]?.dims?.[axis] ?? sizes.get(letter));
  }
  const isPlain = /^[a-zA-Z,]+$/.test(from) && /^[a-zA-Z]*$/.test(to);
  const isSum = !isPlain || [...sizes.keys()].some((letter) => !to.includes(letter));
  const dims = isPlain ? [...to].map((letter) => sizes.get(letter)) : undefined;
  if (isSum) return call.result({ dims, isLength: call.mayHaveLength });
  const all = call.present.map((value) => value.all).reduce((a, b) => call.curves.bounds(times, a, b));
  return call.result({ dims, all });
};

const UNFOLLOWED = 'it computes with lengths alone, and is not followed';

/** Attributes of windows that slide over a row, or of limits within it. */
const WINDOWS = 'kernel_shape dilations strides pads output_padding size k local_window_size max_distance num_buckets'
  .concat(' num_buckets hidden_size blocksize window lambd alpha bias threshold')
  .split(' ');

function windows(call: LengthCall): void {
  for (const name of WINDOWS) {
    const attribute = call.node.attributes.get(name);
    for (const number of [attribute?.int ?? 0, ...(attribute?.ints ?? []), ...(attribute?.floats ?? [])]) {
      call.found.constant(Math.abs(number));
    }
  }
}

/** Layers that are followed only where they compute with data: of lengths alone, they may make anything. */
export const layer =
  (dims: (call: LengthCall) => Dims | undefined): LengthRule =>
  (call) => {
    windows(call);
    call.constants(...call.inputs);
    // The pads of a tensor of many axes are many numbers.
    if (call.node.op === 'Pad') for (const pad of numbersOf(call.inputs[1]) ?? []) call.found.constant(Math.abs(pad));
    // Pads below zero cut off what others add.
    for (const value of call.present.filter(isOfLengths)) {
      for (const bounds of value.elements ?? [value.all]) call.found.meetings(bounds, point(0));
    }
    if (!call.isOfData && call.mayHaveLength) throw new Unfollowed(UNFOLLOWED);
    const made = call.result({ dims: dims(call), isLength: call.mayHaveLength });
    return call.node.outputs.map((_, i) => (i === 0 ? made : { ...made, dims: undefined }));
  };

/** A window slides over the axes behind the first two. */
const conv: LengthRule = (call) => {
  const weights = call.inputs[call.node.op === 'QLinearConv' ? 3 : 1]?.dims;
  const sizes = call.ints('kernel_shape') ?? weights?.slice(2);
  const { dims } = call.input(0);
  if (dims === undefined || dims.slice(2).some(isLengthDim)) {
    const dilations = call.ints('dilations');
    for (const [i, each] of (sizes ?? []).entries()) {
      if (typeof each !== 'number') continue;
      call.found.constant(each);
      call.found.constant((each - 1) * (dilations?.[i] ?? 1) + 1);
    }
  }
  return layer(() => dims?.map((dim, i) => (i === 0 ? dim : undefined)))(call);
};

/** The statistics are of the last axes: a row of a table stays by itself. */
const norm: LengthRule = (call) => {
  const x = call.input(0);
  if (!call.isOfData && call.present.some((value) => value.isLength && !value.isTable)) {
    throw new Unfollowed(UNFOLLOWED);
  }
  const made = call.result({ dims: x.dims, isLength: hasLengthAxis(x) && call.isOfData });
  return call.node.outputs.map((_, i) => (i === 0 || i === 3 ? made : { ...made, dims: undefined }));
};

/** Some elements of x are zero then. */
const masked: LengthRule = (call) => {
  const k = call.inputs[1];
  call.constants(k);
  for (const number of numbersOf(k) ?? []) call.found.constant(Math.abs(number));
  const x = call.input(0);
  if (k?.isLength === true) {
    if (k.all.isLoose && !call.isOfData)
      throw new Unfollowed('what it leaves depends on the length, and nothing tells how');
    call.found.meetings(k.all, point(0));
    for (const dim of x.dims?.slice(-2) ?? []) {
      if (dim === undefined) continue;
      call.found.meetings(k.all, point(dim));
      call.found.meetings(k.all, point(call.curves.of((n) => -n!, dim)));
    }
  }
  return call.result({ dims: x.dims, all: call.curves.hull([x.all, point(0)]) });
};

const firstDims = (call: LengthCall): Dims | undefined => call.input(0).dims;
/** The last axis is another. */
const outerDims = (call: LengthCall): Dims | undefined =>
  firstDims(call)?.map((dim, i, { length }) => (i === length - 1 ? undefined : dim));
/** Tokens, segments and positions from tables. */
const embedded: LengthRule = (call) => {
  const rows = call.inputs[3]?.dims?.[0];
  if (typeof rows === 'number') call.found.constant(rows);
  return layer(() => [...(firstDims(call) ?? []), undefined])(call);
};
const noDims = (): undefined => undefined;

function each(names: string, rule: LengthRule): Readonly<Record<string, LengthRule>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]));
}

export const REDUCE_LENGTHS: Readonly<Record<string, LengthRule>> = {
  ReduceSum: reduction((fill, count) => (fill === 0 ? 0 : fill * count)),
  ReduceMean: reduction((fill) => fill),
  ReduceProd: reduction((fill, count) => fill ** count),
  ReduceL1: reduction((fill, count) => Math.abs(fill) * count),
  ReduceL2: reduction((fill, count) => Math.abs(fill) * Math.sqrt(count)),
  ReduceSumSquare: reduction((fill, count) => fill * fill * count),
  ReduceLogSum: reduction((fill, count) => Math.log(fill * count)),
  ReduceLogSumExp: reduction((fill, count) => fill + Math.log(count)),
  ReduceMax: extreme('hi'),
  ReduceMin: extreme('lo'),
  ...each('ArgMax ArgMin', place),
  CumSum: cumulated,
  ...each('Softmax LogSoftmax', softmax),
  ...each('MatMul MatMulInteger FusedMatMul MatMulIntegerToFloat DynamicQuantizeMatMul Gemm', product()),
  QLinearMatMul: product(3),
  Einsum: einsum,
  ...each('Conv ConvInteger ConvTranspose QLinearConv FusedConv AveragePool MaxPool LpPool', conv),
  ...each('LayerNormalization SimplifiedLayerNormalization RMSNormalization', norm),
  ...each('SkipLayerNormalization SkipSimplifiedLayerNormalization', norm),
  Trilu: masked,
  ...each('BatchNormalization InstanceNormalization GroupNormalization LpNormalization', layer(firstDims)),
  ...each('MultiHeadAttention RotaryEmbedding BiasSoftmax BiasAdd DynamicQuantizeLinear', layer(firstDims)),
  ...each('QuantizeLinear QLinearAdd QLinearMul QLinearSigmoid QLinearLeakyRelu QLinearSoftmax', layer(firstDims)),
  ...each('Attention QAttention MatMulNBits MatMulBnb4', layer(outerDims)),
  EmbedLayerNormalization: embedded,
};

/** The rule of the ops that are known, but have none of their own. */
export const OTHER_LENGTHS: LengthRule = layer(noDims);
