/** Convolutions, pooling and resizing: [N, C, spatial dims …]. A row is one image, and for pooling also one channel. */
import { ANY_CONSTANT, axisFromFront, type NodeCall, type Outputs, type Rule, type Rules } from '../node-call.ts';
import { isFreeOfRows, isSameSize, numberOf, ONE, type Size, sizeOf } from '../size.ts';
import { type Dims, type Known, mixed, type Rows, rows, same, undecided } from '../value.ts';
import { withDims } from './axis-rules.ts';
import { checkScale } from './matrix-rules.ts';

/** A sliding window over one spatial dim. */
interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly pads: number;
}

function checkFirst(x: Known, does: string): void {
  if (x.kind === 'rows' && x.axis.at !== 0) throw mixed(`it ${does} axis ${x.axis.at}, which has the rows`);
}

/** Channels and size of a convolution of `x` by the weights of input `w`. */
function convolved(call: NodeCall, x: Known, w: number, does: string): Known {
  for (let i = w; i < call.inputs.length; i++) call.constant(i, 'a weight');
  if (x.dims === undefined) return ANY_CONSTANT;
  checkFirst(x, does);
  const weights = call.data(w).dims;
  const kernel = call.ints('kernel_shape') ?? numbersOf(weights?.slice(2));
  const spatial = x.dims.slice(2).map((dim, i) => slid(call, dim, windowOf(call, kernel, i, x.dims!.length - 2)));
  return withDims(x, [x.dims[0]!, weights?.[0] ?? call.unknownDim(), ...spatial]);
}

function numbersOf(dims: Dims | undefined): readonly number[] | undefined {
  const numbers = dims?.map(numberOf);
  return numbers?.every((number) => number !== undefined) ? numbers : undefined;
}

function windowOf(call: NodeCall, kernels: readonly number[] | undefined, i: number, rank: number): Window | undefined {
  const kernel = kernels?.[i];
  if (kernel === undefined) return undefined;
  const pads = call.ints('pads');
  return {
    kernel,
    stride: call.ints('strides')?.[i] ?? 1,
    dilation: call.ints('dilations')?.[i] ?? 1,
    pads: (pads?.[i] ?? 0) + (pads?.[i + rank] ?? 0),
  };
}

/** The size of a dim after a window has slid over it. Equal windows over equal dims give equal sizes. */
function slid(call: NodeCall, dim: Size, window: Window | undefined): Size {
  if (window === undefined) return call.unknownDim();
  const { kernel, stride, dilation, pads } = window;
  const mode = call.text('auto_pad', 'NOTSET');
  const isSame = mode.startsWith('SAME');
  const rounding = call.int('ceil_mode', 0) === 0 ? 'floor' : 'ceil';
  if (isSame && stride === 1) return dim;
  const added = mode === 'VALID' ? 0 : pads;
  const extent = numberOf(dim);
  if (extent === undefined) {
    return call.dimOf(`slid ${mode} ${rounding}`, [dim, ...[kernel, stride, dilation, added].map((n) => sizeOf(n))]);
  }
  if (isSame) return sizeOf(Math.ceil(extent / stride));
  const steps = (extent + added - dilation * (kernel - 1) - 1) / stride;
  const count = rounding === 'floor' ? Math.floor(steps) + 1 : Math.ceil(steps) + 1;
  // Runtimes leave out a last window that would lie in the padding only.
  return Number.isInteger(count) && count > 0 && rounding === 'floor' ? sizeOf(count) : call.unknownDim();
}

const convolve: Rule = (call) => convolved(call, call.data(0), 1, 'convolves');

function convTranspose(call: NodeCall): Outputs {
  const x = call.data(0);
  for (let i = 1; i < call.inputs.length; i++) call.constant(i, 'a weight');
  if (x.dims === undefined) return ANY_CONSTANT;
  checkFirst(x, 'convolves');
  const perGroup = numberOf(call.data(1).dims?.[1]);
  const channels = perGroup === undefined ? call.unknownDim() : sizeOf(perGroup * call.int('group', 1));
  return withDims(x, [
    x.dims[0]!,
    channels,
    ...x.dims.slice(2).map((dim, i) => slidBack(call, dim, i, x.dims!.length - 2)),
  ]);
}

function slidBack(call: NodeCall, dim: Size, i: number, rank: number): Size {
  const kernel = call.ints('kernel_shape')?.[i] ?? numberOf(call.data(1).dims?.[i + 2]);
  const window = windowOf(call, kernel === undefined ? undefined : [...Array<number>(i), kernel], i, rank);
  const extent = numberOf(dim);
  const isPlain = call.text('auto_pad', 'NOTSET') === 'NOTSET' && !call.hasAttribute('output_shape');
  if (window === undefined || extent === undefined || !isPlain) return call.unknownDim();
  const extra = call.ints('output_padding')?.[i] ?? 0;
  const size = window.stride * (extent - 1) + extra + (window.kernel - 1) * window.dilation + 1 - window.pads;
  return size > 0 ? sizeOf(size) : call.unknownDim();
}

/** Inputs: x, its scale and zero point, weights with theirs, scale and zero point of the result, bias. */
function qLinearConv(call: NodeCall): Outputs {
  const x = call.data(0);
  for (const i of [1, 2, 6, 7]) checkScale(call, i, x, () => true);
  for (const i of [4, 5]) call.constant(i, 'a weight');
  return convolved(call, x, 3, 'convolves');
}

function convInteger(call: NodeCall): Outputs {
  const x = call.data(0);
  checkScale(call, 2, x, () => true);
  return convolved(call, x, 1, 'convolves');
}

/** Channels are pooled apart, so they may be the rows. */
function checkPooled(x: Rows): void {
  if (x.axis.at > 1) throw mixed(`it pools axis ${x.axis.at}, which has the rows`);
}

function pool(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.dims === undefined) return ANY_CONSTANT;
  if (x.kind === 'rows') checkPooled(x);
  const kernel = call.ints('kernel_shape');
  const spatial = x.dims.slice(2).map((dim, i) => slid(call, dim, windowOf(call, kernel, i, x.dims!.length - 2)));
  const y = withDims(x, [...x.dims.slice(0, 2), ...spatial]);
  // The second output of MaxPool has places in the whole tensor, which tell a row where it is.
  return x.kind === 'same' ? [y, y] : [y];
}

function globalPool(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.dims === undefined) return ANY_CONSTANT;
  if (x.kind === 'rows') checkPooled(x);
  return withDims(
    x,
    x.dims.map((dim, axis) => (axis < 2 ? dim : ONE)),
  );
}

/** Coordinates that move even where the size stays, or whose window is an input. */
const ODD_COORDINATES = ['tf_crop_and_resize', 'tf_half_pixel_for_nn'];

function resize(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.dims === undefined) return ANY_CONSTANT;
  const rank = x.dims.length;
  if (x.kind === 'same') return same(call.unknownDims(rank));
  const counted = (call.elements(3) ?? []).filter((size) => !isFreeOfRows(size));
  if (counted.length > 1) throw mixed('it resizes to the number of rows');
  if (ODD_COORDINATES.includes(call.text('coordinate_transformation_mode'))) throw undecided('it may move the rows');
  if (call.text('keep_aspect_ratio_policy', 'stretch') !== 'stretch') throw undecided('it may resize the rows');
  if (call.text('mode', 'nearest') !== 'nearest' && (rank < 4 || x.axis.at > 1)) {
    // The runtime adds neighbours times 0 to each row: NaN for an infinite one.
    throw undecided('it takes the axis of the rows for one of places');
  }
  const isOld = call.node.op === 'Upsample' || call.opset < 11;
  const scales = call.floats('scales') ?? scalesOf(call, isOld ? 1 : 2);
  const sizes = isOld ? undefined : call.elements(3);
  const axes = call.ints('axes')?.map((axis) => axisFromFront(axis, rank)) ?? x.dims.map((_, axis) => axis);
  const place = axes.indexOf(x.axis.at);
  const isKept =
    place < 0 || scales?.[place] === 1 || (sizes !== undefined && isSameSize(sizes[place], x.dims[x.axis.at]));
  if (!isKept)
    throw scales === undefined ? undecided('it may resize the rows') : mixed('it resizes the axis of the rows');
  return withDims(
    x,
    x.dims.map((dim, axis) => resized(call, dim, axes.indexOf(axis), scales, sizes?.map(numberOf))),
  );
}

/** Undefined without scales: sizes are used then. */
function scalesOf(call: NodeCall, i: number): readonly number[] | undefined {
  const scales = call.numbers(i);
  return scales?.length === 0 ? undefined : scales;
}

function resized(
  call: NodeCall,
  dim: Size,
  place: number,
  scales: readonly number[] | undefined,
  sizes: readonly (number | undefined)[] | undefined,
): Size {
  if (place < 0 || scales?.[place] === 1) return dim;
  const size = sizes?.[place];
  if (size !== undefined && size > 0) return sizeOf(size);
  const [extent, scale] = [numberOf(dim), scales?.[place]];
  if (extent === undefined || scale === undefined) return call.unknownDim();
  // Runtimes multiply as float32, which may round up to an integer.
  const [exact, rounded] = [Math.floor(extent * scale), Math.floor(Math.fround(extent * scale))];
  return exact === rounded ? sizeOf(exact) : call.unknownDim();
}

/** A grid of places for each image. */
function gridSample(call: NodeCall): Outputs {
  const [x, grid] = [call.data(0), call.data(1)];
  if (x.kind === 'same' && grid.kind === 'same') return ANY_CONSTANT;
  if (x.kind === 'same' || grid.kind === 'same') throw mixed('its grids or images are of a fixed number of rows');
  const isPaired = x.axis.at === 0 && grid.axis.at === 0 && isSameSize(x.axis.inner, grid.axis.inner);
  if (!isPaired || !isSameSize(x.axis.outer, grid.axis.outer)) throw mixed('it combines rows with other rows');
  return rows([...x.dims.slice(0, 2), ...grid.dims.slice(1, -1)], x.axis);
}

/** Places of a picture for each matrix; the size is [batch, channels, height, …]. */
function affineGrid(call: NodeCall): Outputs {
  const theta = call.data(0);
  const size = call.elements(1);
  if (theta.kind === 'same' || theta.axis.at !== 0) throw undecided('its matrices are not those of the rows');
  const [count, ...spatial] = [size?.[0], ...(size?.slice(2) ?? [])];
  if (!isSameSize(count, theta.dims[0]) || !spatial.every(isFreeOfRows))
    throw undecided('its size may be of other rows');
  const dims = spatial.map((dim) => call.asDim(dim));
  return rows([theta.dims[0]!, ...dims, sizeOf(spatial.length)], theta.axis);
}

/** Blocks of each row put together. */
function col2Im(call: NodeCall): Outputs {
  const x = call.data(0);
  for (const i of [1, 2]) call.constant(i, 'its shape');
  if (x.kind === 'same') return ANY_CONSTANT;
  checkFirst(x, 'puts together');
  const shape = call.elements(1);
  if (shape === undefined) throw undecided('its shape is not known');
  return rows([x.dims[0]!, ...call.unknownDims(1 + shape.length)], x.axis);
}

export const IMAGE_RULES: Rules = {
  Conv: convolve,
  ConvTranspose: convTranspose,
  ConvInteger: convInteger,
  QLinearConv: qLinearConv,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
  Resize: resize,
  Upsample: resize,
  GridSample: gridSample,
  AffineGrid: affineGrid,
  Col2Im: col2Im,
};
