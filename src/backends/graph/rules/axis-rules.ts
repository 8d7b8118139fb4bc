/** Ops that compute along axes: reductions, softmax, norms, sorting. Rows are mixed where such an axis is theirs. */
import { broadcast } from '../broadcast.ts';
import { ANY_CONSTANT, axisFromFront, type NodeCall, type Outputs, type Rule, type Rules } from '../node-call.ts';
import { numberOf, ONE, sizeOf } from '../size.ts';
import { type Dims, type Known, mixed, movedTo, type Rows, rows, same, undecided } from '../value.ts';
import { checkInference, each } from './elementwise-rules.ts';

/** Throws RowsLost if `axis` (counted from the front) has the rows. */
export function checkApart(x: Known, axis: number, does: string): void {
  if (x.kind === 'rows' && x.axis.at === axis) throw mixed(`it ${does} axis ${axis}, which has the rows`);
}

/** The value without the axes, or with 1 in their place. Throws RowsLost if the rows are on one. */
export function reduced(x: Known, axes: readonly number[], keepsDims: boolean, does = 'reduces'): Known {
  const { dims } = x;
  if (dims === undefined) return ANY_CONSTANT;
  const gone = new Set(axes.map((axis) => axisFromFront(axis, dims.length)));
  for (const axis of gone) checkApart(x, axis, does);
  if (keepsDims)
    return withDims(
      x,
      dims.map((dim, axis) => (gone.has(axis) ? ONE : dim)),
    );
  const rest = dims.filter((_, axis) => !gone.has(axis));
  if (x.kind === 'same') return same(rest);
  const before = [...gone].filter((axis) => axis < x.axis.at).length;
  return rows(rest, movedTo(x.axis, x.axis.at - before));
}

/** The value with other dims of the same rank; the rows stay on their axis. */
export function withDims(x: Known, dims: Dims): Known {
  return x.kind === 'rows' ? rows(dims.with(x.axis.at, x.dims[x.axis.at]!), x.axis) : same(dims);
}

function reduce(call: NodeCall): Outputs {
  const x = call.data(0);
  const { dims } = x;
  if (dims === undefined) return ANY_CONSTANT;
  const axes = axesOf(call, 1);
  const isNoop = axes.length === 0 && call.int('noop_with_empty_axes', 0) !== 0;
  if (isNoop) return x;
  const all = dims.map((_, axis) => axis);
  return reduced(x, axes.length === 0 ? all : axes, call.int('keepdims', 1) !== 0);
}

/** Axes of an attribute or of input `i`; none = not given. */
export function axesOf(call: NodeCall, i: number): readonly number[] {
  const attribute = call.ints('axes');
  if (attribute !== undefined) return attribute;
  if (!call.has(i)) return [];
  const axes = call.numbers(i);
  if (axes === undefined) throw undecided('its axes are not known');
  return axes;
}

function argument(call: NodeCall): Outputs {
  return reduced(call.data(0), [call.int('axis', 0)], call.int('keepdims', 1) !== 0, 'searches');
}

function softmax(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'same') return x;
  const isOld = call.opset < 13;
  const axis = axisFromFront(call.int('axis', isOld ? 1 : -1), x.dims.length);
  // The dims from the axis on are one before opset 13.
  if (isOld && x.axis.at >= axis) throw mixed(`it normalizes all axes from ${axis} on, which have the rows`);
  checkApart(x, axis, 'normalizes');
  return x;
}

/** All elements along one axis are normalized together. */
function normalizeAxis(axisByDefault: number): Rule {
  return (call) => {
    const x = call.data(0);
    if (x.kind === 'rows') checkApart(x, axisFromFront(call.int('axis', axisByDefault), x.dims.length), 'normalizes');
    return x;
  };
}

/** LayerNormalization, RMSNormalization: all axes from one on; outputs the mean and more beside the result. */
export function layerNorm(call: NodeCall): Outputs {
  const x = call.data(0);
  const y = broadcast(call, call.allData());
  if (x.dims === undefined) return [ANY_CONSTANT, ANY_CONSTANT, ANY_CONSTANT];
  const from = axisFromFront(call.int('axis', -1), x.dims.length);
  const axes = x.dims.map((_, axis) => axis).slice(from);
  const statistics = reduced(x, axes, true, 'normalizes');
  return [y.dims?.length === x.dims.length ? y : x, statistics, statistics];
}

function meanVariance(call: NodeCall): Outputs {
  const x = call.data(0);
  reduced(x, call.ints('axes') ?? [0, 2, 3], true, 'normalizes');
  return x;
}

/** Statistics of each row and channel; scales of each channel. */
function perChannelNorm(call: NodeCall): Outputs {
  const x = call.data(0);
  for (let i = 1; i < call.inputs.length; i++) call.constant(i, 'a scale or statistic');
  if (x.kind === 'rows' && x.axis.at !== 0) throw mixed(`it normalizes axis ${x.axis.at}, which has the rows`);
  return x;
}

function batchNorm(call: NodeCall): Outputs {
  checkInference(call);
  if (call.opset < 7 || call.node.outputs.filter((name) => name !== '').length > 1) {
    throw undecided('it may be of training');
  }
  return perChannelNorm(call);
}

/** Channels beside each other, within a row. */
function localResponseNorm(call: NodeCall): Outputs {
  const x = call.data(0);
  checkApart(x, 1, 'normalizes');
  return x;
}

function topK(call: NodeCall): Outputs {
  const x = call.data(0);
  const count = call.hasAttribute('k') ? sizeOf(call.int('k', 0)) : call.elements(1)?.[0];
  if (call.has(1)) call.constant(1, 'its k');
  if (x.dims === undefined) return [ANY_CONSTANT, ANY_CONSTANT];
  const axis = axisFromFront(call.int('axis', -1), x.dims.length);
  checkApart(x, axis, 'sorts');
  const y = withDims(x, x.dims.with(axis, numberOf(count) === undefined ? call.unknownDim() : count!));
  return [y, y];
}

function cumSum(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'same') return x;
  const axis = call.numbers(1)?.[0];
  if (axis === undefined) throw undecided('its axis is not known');
  checkApart(x, axisFromFront(axis, x.dims.length), 'adds up');
  return x;
}

/** Matrices in the last two axes. */
function matrices(does: string, keepsDims: boolean): Rule {
  return (call) => {
    const x = call.data(0);
    return keepsDims ? checkMatrices(x, does) : reduced(x, [-2, -1], false, does);
  };
}

function checkMatrices(x: Known, does: string): Known {
  if (x.kind === 'rows') reduced(x, [-2, -1], true, does);
  return x;
}

function trilu(call: NodeCall): Outputs {
  const x = checkMatrices(call.data(0), 'cuts a triangle out of');
  call.constant(1, 'its diagonal');
  return x;
}

function dft(call: NodeCall): Outputs {
  const x = call.data(0);
  call.constant(1, 'its length');
  if (x.kind === 'same') return ANY_CONSTANT;
  const axis = call.has(2) ? call.numbers(2)?.[0] : call.int('axis', call.opset < 20 ? 1 : -2);
  if (axis === undefined) throw undecided('its axis is not known');
  checkApart(x, axisFromFront(axis, x.dims.length), 'transforms');
  checkApart(x, x.dims.length - 1, 'transforms');
  return withDims(x, call.unknownDims(x.dims.length));
}

function stft(call: NodeCall): Outputs {
  const x = call.data(0);
  for (let i = 1; i < call.inputs.length; i++) call.constant(i, 'its window');
  if (x.kind === 'same') return ANY_CONSTANT;
  if (x.axis.at !== 0) throw mixed('it transforms the axis of the rows');
  return rows([x.dims[0]!, ...call.unknownDims(3)], x.axis);
}

function reverseSequence(call: NodeCall): Outputs {
  const x = call.data(0);
  const lengths = call.data(1);
  if (x.kind === 'same') {
    if (lengths.kind === 'same') return x;
    throw undecided('its lengths come from the rows, its data does not');
  }
  const batch = axisFromFront(call.int('batch_axis', 1), x.dims.length);
  checkApart(x, axisFromFront(call.int('time_axis', 0), x.dims.length), 'reverses');
  return batch === x.axis.at ? pairedWith(x, lengths) : constantLengths(x, lengths);
}

function pairedWith(x: Rows, lengths: Known): Known {
  const isPaired = lengths.kind === 'rows' && lengths.axis.inner.key === x.axis.inner.key;
  if (isPaired && lengths.axis.outer.key === x.axis.outer.key) return x;
  throw mixed('each row has a length of its own place');
}

function constantLengths(x: Rows, lengths: Known): Known {
  if (lengths.kind === 'same') return x;
  throw mixed('its lengths come from the rows, but are of another axis');
}

const REDUCTIONS =
  'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare';

export const AXIS_RULES: Rules = {
  ...each(REDUCTIONS, reduce),
  ...each('ArgMax ArgMin', argument),
  ...each('Softmax LogSoftmax Hardmax', softmax),
  ...each('LayerNormalization RMSNormalization', layerNorm),
  ...each('InstanceNormalization GroupNormalization', perChannelNorm),
  LpNormalization: normalizeAxis(-1),
  MeanVarianceNormalization: meanVariance,
  BatchNormalization: batchNorm,
  LRN: localResponseNorm,
  TopK: topK,
  CumSum: cumSum,
  Det: matrices('takes the determinant of', false),
  Inverse: matrices('inverts', true),
  Trilu: trilu,
  DFT: dft,
  STFT: stft,
  ReverseSequence: reverseSequence,
};
