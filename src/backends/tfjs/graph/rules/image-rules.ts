/** Convolutions, pooling, resizing and norms of images: a row is one image, and the first dim holds the rows. */
import type { Outputs } from '../../../graph/node-call.ts';
import { dividedBy, numberOf, type Size, sizeOf, times } from '../../../graph/size.ts';
import { type Dims, type Known, mixed, rows, same, undecided } from '../../../graph/value.ts';
import type { TfCall } from '../tf-call.ts';
import { withExtras } from './elementwise-rules.ts';
import { each, type TfRules } from './tf-rule.ts';

/** How a window slides over one dim. */
interface Window {
  readonly kernel: number | undefined;
  readonly stride: number;
  readonly dilation: number;
}

/** Throws RowsLost where rows are elsewhere than in the first dim. */
function firstAxis(x: Known, does: string): void {
  if (x.kind === 'rows' && x.axis.at !== 0) throw mixed(`it ${does} axis ${x.axis.at}, which has the rows`);
}

/** The value with other dims behind the first. */
function imageOf(x: Known, dims: Dims): Known {
  return x.kind === 'rows' ? rows([x.dims[0]!, ...dims], x.axis) : same([x.dims![0]!, ...dims]);
}

/** Places of the spatial dims; undefined = the rank of `x` is not known, which is a constant then. */
function spatialOf(call: TfCall, { dims }: Known): readonly number[] | undefined {
  return dims?.slice(2).map((_, i) => i + (call.hasChannelsFirst ? 2 : 1));
}

/** `kernelOf` gives the window's size over a spatial dim, by its number from 0. */
function slid(call: TfCall, x: Known, kernelOf: (i: number) => number | undefined, channels: Size): Known {
  const spatial = spatialOf(call, x);
  if (x.dims === undefined || spatial === undefined) return same(undefined);
  const [strides, dilations] = [call.ints('strides'), call.ints('dilations')];
  if ((strides?.[0] ?? 1) !== 1 || (dilations?.[0] || 1) !== 1) throw mixed('it slides along the rows');
  const sizes = spatial.map((at, i) => {
    const window = { kernel: kernelOf(i), stride: strides?.[at] ?? 1, dilation: dilations?.[at] || 1 };
    return slidDim(call, x.dims![at]!, window);
  });
  return imageOf(x, call.hasChannelsFirst ? [channels, ...sizes] : [...sizes, channels]);
}

function slidDim(call: TfCall, dim: Size, { kernel, stride, dilation }: Window): Size {
  const padding = call.text('padding');
  const extent = numberOf(dim);
  if (padding === 'SAME') {
    if (stride === 1) return dim;
    return extent === undefined ? call.dimOf('slid SAME', [dim, sizeOf(stride)]) : sizeOf(Math.ceil(extent / stride));
  }
  if (padding !== 'VALID' || kernel === undefined) return call.unknownDim();
  const reach = dilation * (kernel - 1) + 1;
  if (extent === undefined) return call.dimOf('slid VALID', [dim, sizeOf(reach), sizeOf(stride)]);
  const count = Math.ceil((extent - reach + 1) / stride);
  return count > 0 ? sizeOf(count) : call.unknownDim();
}

function convolved(call: TfCall, channelsOf: (filter: Dims) => Size | undefined): Known {
  const x = call.data(0);
  firstAxis(x, 'convolves');
  const filter = call.constant(1, 'its filter')?.dims;
  const channels = (filter && channelsOf(filter)) ?? call.unknownDim();
  return slid(call, x, (i) => numberOf(filter?.[i]), channels);
}

function convolve(call: TfCall): Known {
  return convolved(call, (filter) => filter.at(-1));
}

/** Each channel by filters of its own: [height, width, channels, filters of each]. */
function depthwise(call: TfCall): Known {
  return convolved(call, (filter) => call.asDim(times(filter.at(-1), filter.at(-2))));
}

/** Inputs: sizes of the result, filter, x. The first of the sizes is the number of rows, or TensorFlow fails. */
function transposedConvolution(call: TfCall): Outputs {
  const x = call.data(2);
  firstAxis(x, 'convolves');
  call.constant(1, 'its filter');
  if (x.dims === undefined) return same(undefined);
  const wanted = call.elements(0);
  const dims = x.dims.map((_, at) => call.asDim(wanted?.[at])).slice(1);
  return imageOf(x, dims);
}

function pool(call: TfCall): Outputs {
  const x = call.data(0);
  firstAxis(x, 'pools');
  const kernel = call.ints('ksize');
  if (x.dims === undefined) return same(undefined);
  if ((kernel?.[0] ?? 1) !== 1) throw mixed('it pools along the rows');
  const spatial = spatialOf(call, x)!;
  const channelsAt = call.hasChannelsFirst ? 1 : x.dims.length - 1;
  const areKept = (kernel?.[channelsAt] ?? 1) === 1 && (call.ints('strides')?.[channelsAt] ?? 1) === 1;
  const channels = areKept ? x.dims[channelsAt]! : call.unknownDim();
  return slid(call, x, (i) => kernel?.[spatial[i]!], channels);
}

function resize(call: TfCall): Outputs {
  const x = call.data(0);
  firstAxis(x, 'resizes');
  const size = call.elements(1);
  if (x.dims === undefined) return same(undefined);
  return imageOf(x, [call.asDim(size?.[0]), call.asDim(size?.[1]), x.dims[3] ?? call.unknownDim()]);
}

/** Mean and variance are given in inference, one for each channel. */
function batchNorm(call: TfCall): Outputs {
  const x = call.data(0);
  if (call.int('is_training', 1) !== 0) throw mixed('it normalizes by the mean of all rows');
  for (let i = 1; i < call.inputs.length; i++) call.constant(i, 'a statistic');
  firstAxis(x, 'normalizes');
  const statistic = same(undefined);
  return [x, statistic, statistic, statistic, statistic, statistic];
}

/** Channels beside each other, within a row. */
function localResponseNorm(call: TfCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'rows' && x.axis.at === x.dims.length - 1) throw mixed('it normalizes the axis of the rows');
  return x;
}

/** Blocks of a picture become channels, or the other way round. */
function depthAndSpace(call: TfCall): Outputs {
  const x = call.data(0);
  firstAxis(x, 'moves what is on');
  if (x.dims?.length !== 4) throw undecided('it has other than four dims');
  return imageOf(x, call.unknownDims(3));
}

/** Blocks of each image become images: block o of row r is at o × B + r. */
function spaceToBatch(call: TfCall): Outputs {
  const x = call.data(0);
  firstAxis(x, 'cuts up');
  const blocks = call.list(1, 'its block shape');
  for (const i of [1, 2]) call.constant(i, 'its blocks');
  if (x.kind === 'same') return same(undefined);
  const count = sizeOf(blocks.reduce((product, block) => product * block, 1));
  const outer = times(count, x.axis.outer);
  const size = times(count, x.dims[0]);
  if (outer === undefined || size === undefined) throw undecided('its blocks are too many');
  const spatial = x.dims.slice(1).map((dim, i) => (i < blocks.length ? call.unknownDim() : dim));
  return rows([size, ...spatial], { at: 0, outer, inner: x.axis.inner });
}

/** The other way round. */
function batchToSpace(call: TfCall): Outputs {
  const x = call.data(0);
  firstAxis(x, 'puts together');
  const blocks = call.list(1, 'its block shape');
  for (const i of [1, 2]) call.constant(i, 'its blocks');
  if (x.kind === 'same') return same(undefined);
  const count = sizeOf(blocks.reduce((product, block) => product * block, 1));
  const outer = dividedBy(x.axis.outer, count);
  const size = dividedBy(x.dims[0], count);
  if (outer === undefined || size === undefined) throw mixed('it puts rows together');
  const spatial = x.dims.slice(1).map((dim, i) => (i < blocks.length ? call.unknownDim() : dim));
  return rows([size, ...spatial], { at: 0, outer, inner: x.axis.inner });
}

function fused(product: (call: TfCall) => Known) {
  return (call: TfCall): Outputs => {
    if (call.hasChannelsFirst) throw undecided('its channels come first');
    return withExtras(call, product(call), 2);
  };
}

export const IMAGE_RULES: TfRules = {
  ...each('Conv2D Conv3D', convolve),
  DepthwiseConv2dNative: depthwise,
  _FusedConv2D: fused(convolve),
  ...each('FusedDepthwiseConv2dNative _FusedDepthwiseConv2dNative', fused(depthwise)),
  ...each('Conv2DBackpropInput Conv3DBackpropInputV2', transposedConvolution),
  ...each('MaxPool AvgPool MaxPool3D AvgPool3D', pool),
  ...each('ResizeBilinear ResizeNearestNeighbor ResizeBicubic ResizeArea', resize),
  ...each('FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3', batchNorm),
  SpaceToBatchND: spaceToBatch,
  BatchToSpaceND: batchToSpace,
  LRN: localResponseNorm,
  ...each('DepthToSpace SpaceToDepth', depthAndSpace),
};
